"""What the Slurm executor writes and reads, without a Slurm."""

from __future__ import annotations

from pathlib import Path

from sweepboard.execution import Ended, Job, Message, Requeued, Started
from sweepboard.execution.slurm.batch import Batch, Tail, append
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
    assert task.lost("CANCELLED") == [Ended("b", None, "Slurm ended job 7_0 (CANCELLED)")]
    assert Tail(batch.commands(0)).poll() == [{"stop": "c", "reason": "it is submitted again"}]
