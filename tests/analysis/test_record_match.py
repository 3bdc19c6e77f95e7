"""A finished run whose event files lack their end, or whose record was changed, is reported."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.command import Command, change_record, record_of

RUN = ["trainer=debug", "model=mlp", "dataset=gaussian", "threads=1"]
TOLD = "its event files and its run.json differ in val/"


@pytest.fixture
def run(command: Command) -> Path:
    command(*RUN)
    (record,) = Path("outputs").rglob("run.json")
    return record.parent


def steps_file(run: Path) -> Path:
    (file,) = run.glob("*.steps.*")
    return file


def cut_at_a_record(file: Path, dropped: int) -> None:
    """Drop the last records of an event file, whole ones."""
    data, ends, at = file.read_bytes(), [0], 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        at += 16 + length
        ends.append(at)
    file.write_bytes(data[: ends[-1 - dropped]])


def delete(run: Path) -> None:
    steps_file(run).unlink()


def cut(run: Path) -> None:
    cut_at_a_record(steps_file(run), 3)


def change_metric(run: Path) -> None:
    metrics = record_of(run)["metrics"]
    change_record(run, metrics=metrics | {"val/loss": metrics["val/loss"] + 0.5})


@pytest.mark.parametrize("damage", [delete, cut, change_metric])
def test_a_cut_or_changed_end_is_reported(
    command: Command, run: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(damage)
    damage(run)
    command("compare", "outputs")
    assert TOLD in caplog.text
    assert f"damage: {run.relative_to('outputs')}: {TOLD}" in command("check", "outputs", code=1).out
    assert f"cut-file: {run.relative_to('outputs')}: {TOLD}" in command("doctor", "outputs", code=1).out


def test_a_lost_best_value_is_reported(command: Command, run: Path, caplog: pytest.LogCaptureFixture) -> None:
    best = record_of(run)["best"]
    change_record(run, best=best | {"loss": best["loss"] - 0.25})
    command("compare", "outputs")
    assert TOLD in caplog.text


def test_a_whole_run_is_not_reported(command: Command, run: Path, caplog: pytest.LogCaptureFixture) -> None:
    command("resume", str(run), "trainer.steps=9")
    command(*RUN, "logging=none")
    command(*RUN, "logging=minimal", "dataset.val_fraction=0")
    command("compare", "outputs")
    assert "differ" not in caplog.text
    assert "nothing wrong" in command("doctor", "outputs").err
