"""Which jobs may run beside each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sweepboard.execution import Resources
from sweepboard.execution.local.slots import Place, Slots, Use

GIB = 1 << 30


def free(amount: int | None) -> Slots:
    return Slots(Resources(cores=8), memory=lambda: amount)


@given(st.integers(1, 64), st.lists(st.integers(1, 80), max_size=40))
def test_jobs_take_no_more_cores_than_there_are(cores: int, wanted: list[int]) -> None:
    slots, running = Slots(Resources(cores), memory=lambda: None), list[Use]()
    for threads in wanted:
        if slots.place(threads, False, running):
            running.append(Use(threads))
    assert len(running) <= 1 or sum(use.cores for use in running) <= cores
    assert running or not wanted


def test_a_number_of_jobs_is_the_users_own_decision() -> None:
    slots = Slots(Resources(cores=2, jobs=3), memory=lambda: None)
    assert slots.place(2, False, [Use(2), Use(2)])
    assert not slots.place(1, False, [Use(1), Use(1), Use(1)])


def test_a_job_waits_for_memory_that_those_before_it_have_yet_to_take() -> None:
    slots = free(5 * GIB)
    running = [Use(resident=2 * GIB), Use(resident=1 * GIB)]
    assert slots.place(1, False, running), "nothing is known before the first job has ended"
    slots.peak = 2 * GIB
    assert slots.place(1, False, running)  # 1 is still to come, and 2 for the new job
    slots.memory = lambda: 2 * GIB
    assert not slots.place(1, False, running)
    assert slots.place(1, False, []), "a job that runs alone is always tried"


def test_gpus_are_filled_evenly_and_leave_the_cores_alone() -> None:
    slots = Slots(Resources(cores=1, gpus=("0", "1"), jobs_per_gpu=2), memory=lambda: None)
    assert slots.place(4, True, [Use(gpu="0")]) == Place("1")
    assert slots.place(4, True, [Use(gpu="0"), Use(gpu="1"), Use(gpu="1")]) == Place("0")
    assert slots.place(4, True, [Use(gpu="0"), Use(gpu="1")] * 2) is None
    assert slots.place(1, False, [Use(gpu="0"), Use(gpu="1")]) == Place()


def test_cores_are_divided_among_the_jobs_that_run_at_once() -> None:
    assert Resources(8).cores_per_job(4) == 2
    assert Resources(8).cores_per_job(100) == 1
    assert Resources(8, jobs=2).cores_per_job(100) == 4
    assert Resources(8, jobs=2).cores_per_job(1) == 8
    assert Resources(8, gpus=("0", "1")).cores_per_job(100, gpus=1) == 4
    assert Resources(8, gpus=("0", "1"), jobs_per_gpu=2).cores_per_job(100, gpus=1) == 2
    assert Resources(8, gpus=("0", "1"), jobs=8).cores_per_job(100, gpus=1) == 4
    assert Resources(8, gpus=("0", "1")).cores_per_job(100, gpus=2) == 8, "one job of two ranks at a time"
    assert Resources(8, jobs=2).cores_per_job(100, gpus=1) == 4, "how many GPUs there are is not known"


def test_a_job_of_several_ranks_gets_a_gpu_for_each() -> None:
    slots = Slots(Resources(cores=1, gpus=("0", "1", "2")), memory=lambda: None)
    assert slots.place(4, 2, []) == Place("0,1")
    assert slots.place(4, 2, [Use(gpu="0,1")]) is None
    assert slots.place(4, 1, [Use(gpu="0,1")]) == Place("2")
