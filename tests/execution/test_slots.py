"""Which jobs may run beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweepboard import hardware
from sweepboard.execution.slots import Place, Slots, Use

GIB = 1 << 30


def free(amount: int | None) -> Slots:
    return Slots(cores=8, memory=lambda: amount)


@given(st.integers(1, 64), st.lists(st.integers(1, 80), max_size=40))
def test_jobs_take_no_more_cores_than_there_are(cores: int, wanted: list[int]) -> None:
    slots, running = Slots(cores, memory=lambda: None), list[Use]()
    for threads in wanted:
        if slots.place(threads, False, running):
            running.append(Use(threads))
    assert len(running) <= 1 or sum(use.cores for use in running) <= cores
    assert running or not wanted


def test_a_number_of_jobs_is_the_users_own_decision() -> None:
    slots = Slots(cores=2, jobs=3, memory=lambda: None)
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
    slots = Slots(cores=1, gpus=["0", "1"], jobs_per_gpu=2, memory=lambda: None)
    assert slots.place(4, True, [Use(gpu="0")]) == Place("1")
    assert slots.place(4, True, [Use(gpu="0"), Use(gpu="1"), Use(gpu="1")]) == Place("0")
    assert slots.place(4, True, [Use(gpu="0"), Use(gpu="1")] * 2) is None
    assert slots.place(1, False, [Use(gpu="0"), Use(gpu="1")]) == Place()


def test_a_container_has_what_its_own_limits_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 300\n")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(hardware, "_own_groups", lambda: [tmp_path])
    assert hardware.available_memory() == 400
    assert hardware.cores() == 1
