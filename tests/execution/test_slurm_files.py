"""What the Slurm executor writes and reads, without a Slurm."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from sweepboard.execution import Ended, Job, Message, Requeued, Resources, Started
from sweepboard.execution.slurm import SlurmExecutor
from sweepboard.execution.slurm.arrays import cores_of, divided, must_end_before
from sweepboard.execution.slurm.batch import Batch, Tail, append
from sweepboard.execution.slurm.commands import Ending, SlurmError
from sweepboard.execution.slurm.executor import gpu_count
from sweepboard.execution.slurm.script import array_options, options, script
from sweepboard.execution.slurm.task import Task
from sweepboard.settings import SlurmSettings


def test_a_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "0.events"
    tail = Tail(path)
    assert tail.poll() == []
    path.write_bytes(b'{"a": 1}\n{"b": ')
    assert tail.poll() == [{"a": 1}]
    append(path, {"c": 3})  # the line before was cut by a kill
    append(path, {"d": 4})
    assert tail.poll() == [{"d": 4}]


def test_every_setting_is_an_option_of_sbatch(tmp_path: Path) -> None:
    settings = SlurmSettings(
        at_once=2, cpus=4, gpus="a100:1", memory="16G", minutes=60, partition="p", account="a", qos="q",
        constraint="x|y", extra={"exclude": "n7", "exclusive": True, "nice": None}, requeue=False, warn=30,
    )  # fmt: skip
    assert {
        *("--cpus-per-task=4", "--gres=gpu:a100:1", "--mem=16G", "--time=60", "--partition=p"),
        *("--account=a", "--qos=q", "--constraint=x|y", "--exclude=n7", "--exclusive", "--no-requeue"),
        *("--signal=B:USR1@30", "--nodes=1"),
    } <= set(options(settings, 9))
    assert "--array=0-4%2" in array_options(tmp_path, 5, settings)
    assert "--cpus-per-task=9" in options(SlurmSettings(), 9)
    assert not any(word.startswith("--nice") for word in options(settings, 9))


def test_setup_comes_first_and_may_fail_the_task(tmp_path: Path) -> None:
    lines = script(Batch(tmp_path), ["module load cuda", "export A='b c'"]).splitlines()
    assert lines[:4] == ["#!/bin/bash", "set -e", "module load cuda", "export A='b c'"]
    assert lines[-1].startswith("exec ")
    assert lines[-1].endswith(f'{tmp_path} "$SLURM_ARRAY_TASK_ID"')


def test_gpus_are_counted_with_and_without_their_type() -> None:
    assert [gpu_count(each) for each in (None, 2, "2", "a100:4")] == [0, 2, 2, 4]


def test_a_task_that_is_taken_over_tells_how_its_jobs_stand(tmp_path: Path) -> None:
    batch, jobs = Batch.new(tmp_path), [Job(name, "a:b", {"x": 1}) for name in "abc"]
    batch.write([jobs], [], {})
    append(batch.events(0), {"began": "host"}, {"started": "a", "gpu": None}, {"started": "b", "gpu": "1"})
    append(batch.events(0), {"message": "b", "payload": {"n": 1}}, {"message": "b", "payload": {"n": 2}})
    append(batch.events(0), {"ended": "a", "code": 0, "stop_reason": None})
    [read] = batch.jobs()
    task = Task.earlier(batch, 0, read, "7")
    assert (task.name, task.unended, task.left) == ("7_0", ["b", "c"], [])
    assert task.take_over(jobs[1])
    assert not task.take_over(Job("c", "a:b", {"x": 2}))  # planned anew, and it has not started
    assert task.poll() == [Started("b", "1"), Message("b", {"n": 2})]
    append(batch.events(0), {"put_back": "b", "why": "SIGTERM"})
    assert task.poll() == [Requeued("b", "its allocation was ended by SIGTERM")]
    assert task.lost(Ending("CANCELLED")) == [Ended("b", None, "Slurm ended job 7_0 (CANCELLED)")]
    assert Tail(batch.commands(0)).poll() == [{"stop": "c", "reason": "it is submitted again"}]


def test_a_task_is_deaf_while_a_job_that_was_stopped_has_not_ended(tmp_path: Path) -> None:
    batch, jobs = Batch.new(tmp_path), jobs_named("ab")
    batch.write([jobs], [], {})
    task = Task.new(batch, 0, jobs, "7")
    append(batch.events(0), {"began": "host"}, *({"started": name, "gpu": None} for name in "ab"))
    task.poll()
    task.stop("a", "it was enough")
    task.kill_at["a"] = 10.0
    assert [task.is_deaf(now) for now in (5.0, 15.0)] == [False, True]
    append(batch.events(0), {"ended": "a", "code": 143, "stop_reason": "it was enough"})
    task.poll()
    assert not task.is_deaf(15.0)  # the other job goes on
    task.stop("b", "it was enough")
    task.kill_at["b"] = 30.0
    assert [task.is_deaf(now) for now in (15.0, 35.0)] == [False, True]


def jobs_named(names: str, **needs: int) -> list[Job]:
    return [Job(name, "a:b", **needs) for name in names]  # type: ignore[arg-type]


def test_jobs_are_packed_into_tasks_and_those_of_several_nodes_stand_alone() -> None:
    alone, packed = jobs_named("yz", nodes=2, gpus=2), jobs_named("abcde")
    arrays = [
        ["".join(job.name for job in task) for task in tasks] for tasks in divided([*alone, *packed], 2, 2)
    ]
    assert arrays == [["ab", "cd"], ["e"], ["y", "z"]]


def test_a_task_has_cores_for_the_jobs_that_run_at_once_on_each_of_its_nodes() -> None:
    assert cores_of(jobs_named("abc", cores=2), Resources(1, jobs=3)) == 6
    on_gpus = [Job(name, "a:b", cores=2, gpu=True) for name in "abc"]
    assert cores_of(on_gpus, Resources(1, gpus=("0", "1"), jobs=3)) == 4
    assert cores_of([Job("a", "a:b", cores=8, gpus=4, nodes=2)], Resources(1)) == 4


def test_an_allocation_without_a_gpu_for_each_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []
    monkeypatch.setattr("sweepboard.execution.slurm.commands.check", asked.append)
    job = Job("a", "a:b", gpu=True, gpus=4, nodes=2)
    with pytest.raises(
        SlurmError, match=r"hydra.launcher.gpus=a100:1: a job has 2 .* type hydra.launcher.gpus=2"
    ):
        SlurmExecutor(SlurmSettings(gpus="a100:1")).check([job])
    SlurmExecutor(SlurmSettings(gpus="a100:2")).check([job, *jobs_named("bcd")])
    assert [next(word for word in words if word.startswith("--nodes")) for words in asked] == [
        "--nodes=1",
        "--nodes=2",
    ]


def array_of(tmp_path: Path, name: str, tasks: int) -> list[Task]:
    jobs = jobs_named("x")
    return [Task.new(Batch(tmp_path / name), index, jobs, name) for index in range(tasks)]


def test_an_array_waits_for_those_before_it_as_far_as_it_must(tmp_path: Path) -> None:
    first, second = array_of(tmp_path, "1", 3), array_of(tmp_path, "2", 2)
    assert must_end_before(1, [*first, *second], None) == []
    assert must_end_before(1, [*first, *second], 6) == []
    assert must_end_before(1, [*first, *second], 5) == ["1_0"]
    assert must_end_before(1, [*first, *second], 2) == ["1", "2_0"]
    assert must_end_before(9, [*first, *second], 2) == ["1", "2"]
    assert must_end_before(1, [], 1) == []


@pytest.mark.parametrize("seed", range(20))
def test_never_run_more_tasks_than_at_once(tmp_path: Path, seed: int) -> None:
    """With arrays that are added at any time, as retries are, and tasks that end in any order."""
    draw = random.Random(seed)
    at_once, tasks = draw.randint(1, 4), list[Task]()
    before: dict[str, list[str]] = {}
    running, ended = set[str](), set[str]()
    for step in range(200):
        if step % 20 == 0:
            name, size = str(step), draw.randint(1, 6)
            before[name] = must_end_before(size, [each for each in tasks if each.name not in ended], at_once)
            tasks += array_of(tmp_path, name, size)
        names = {each.name: each.array for each in tasks}
        for each in draw.sample(tasks, len(tasks)):
            beside = [name for name in running if names[name] == each.array]
            waits = {
                name for word in before[each.array] for name in names if word in (name, names[name])
            } - ended
            if each.name not in running | ended and len(beside) < at_once and not waits:
                running.add(each.name)
        assert 0 < len(running) <= at_once or len(ended) == len(tasks)
        if running and draw.random() < 0.5:
            over = draw.choice(sorted(running))
            running.remove(over)
            ended.add(over)
