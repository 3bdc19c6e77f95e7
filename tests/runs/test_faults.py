"""A full disk, a folder that goes away or is read-only: what was saved stays, and training goes on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sweepboard.training.checkpoint_file import load_checkpoint
from tests.command import TINY, Command, record_of
from tests.runs.process import curves
from tests.runs.sabotage import ACCIDENTS, SABOTAGED, fill, free, freeze, small_disk, thaw

RUN = [*TINY, *SABOTAGED, "trainer.checkpoint.every_steps=1"]
"""12 updates, each saved."""

FULL = "No space left on device"

Accidents = Callable[[dict[int, Callable[[], object]]], None]


@pytest.fixture
def accidents(monkeypatch: pytest.MonkeyPatch) -> Accidents:
    """Says what happens in the run to come."""

    def happen(at: dict[int, Callable[[], object]]) -> None:
        ACCIDENTS.clear()
        ACCIDENTS.update(at)

    return happen


@pytest.fixture(autouse=True)
def no_accidents() -> Iterator[None]:
    yield
    ACCIDENTS.clear()


@pytest.fixture
def disk(command: Command) -> Iterator[Path]:
    with small_disk(Path("disk"), 1024) as folder:
        yield folder


@pytest.fixture
def reference(command: Command) -> Path:
    """The run to which nothing happened."""
    command(*RUN, "hydra.run.dir=reference")
    return Path("reference")


def lines(text: str, part: str) -> list[str]:
    return [line for line in text.splitlines() if part in line]


def test_a_disk_full_for_a_while_is_told_once_and_costs_nothing(
    command: Command, accidents: Accidents, disk: Path, reference: Path
) -> None:
    run, seen = disk / "run", []

    def look() -> None:
        seen.append(load_checkpoint(run / "checkpoints" / "last.pt")["step"])
        free(disk)

    accidents({5: lambda: fill(disk), 10: look})
    said = command(*RUN, "logging.histograms=1", f"hydra.run.dir={run}")
    assert seen[0] in (3, 4)  # the last before, and whole
    assert len(lines(said.err, f"checkpoint not saved: {run}/checkpoints/last.pt: {FULL} (the one")) == 1
    assert len(lines(said.err, f"cannot write the board in {run} ({FULL}); training goes on")) == 1
    assert len(said.err.splitlines()) <= 4, said.err  # these, run.json and train.log
    assert record_of(run)["weights_sha256"] == record_of(reference)["weights_sha256"]
    assert curves(run) == curves(reference)  # the board was written when that was possible again
    assert load_checkpoint(run / "checkpoints" / "last.pt")["step"] == 12


def test_a_disk_full_to_the_end_is_an_error_that_a_resume_makes_up_for(
    command: Command, accidents: Accidents, disk: Path, reference: Path
) -> None:
    run = disk / "run"
    accidents({5: lambda: fill(disk)})
    said = command(*RUN, f"hydra.run.dir={run}", code=1)
    assert lines(said.out, "test/accuracy")  # what it came to is at least said
    assert said.err.splitlines()[-1] == (
        "sweepboard: the end of the run could not be saved in disk/run: " + FULL + "; "
        "`sweepboard resume disk/run` makes up for it once that is mended"
    )
    free(disk)
    accidents({})
    command("resume", str(run))
    assert record_of(run)["weights_sha256"] == record_of(reference)["weights_sha256"]
    assert curves(run) == curves(reference)


def test_a_disk_full_from_the_start_is_one_line(command: Command, disk: Path) -> None:
    fill(disk)
    said = command(*RUN, f"hydra.run.dir={disk / 'run'}", code=2)
    assert said.line == "sweepboard: disk/run cannot be written: No space left on device"
    assert "cannot be written" in command(*RUN, "output_root=disk", code=2).line


def test_a_folder_of_the_day_that_cannot_be_one_is_named(command: Command) -> None:
    Path("outputs").mkdir()
    for days in (0, 1):  # it may be midnight
        day = datetime.now() + timedelta(days=days)
        Path(f"outputs/{day:%Y-%m-%d}").touch()
    line = command(*RUN, code=2).line
    assert re.fullmatch(r"sweepboard: outputs/\d{4}-\d\d-\d\d cannot be written: File exists", line)
    Path("file").touch()
    assert command(*RUN, "output_root=file", code=2).line == "sweepboard: file cannot be written: File exists"


def test_a_deleted_folder_is_told_and_the_run_ends_with_its_results_on_the_terminal(
    command: Command, accidents: Accidents, reference: Path
) -> None:
    def delete() -> None:
        shutil.rmtree(Path("run").rename("deleted"))  # as a whole: a save is going on in it

    accidents({5: delete})
    said = command(*RUN, "hydra.run.dir=run", code=1)
    assert lines(said.out, "test/accuracy")
    assert said.err.splitlines()[-1] == "sweepboard: the folder run is gone: nothing of the run is saved"
    warned = [line.rpartition("run")[2] for line in said.err.splitlines()]
    assert len(set(warned)) == len(warned) <= 6, said.err  # checkpoint, board, run.json, train.log: once each
    assert not Path("run").exists()  # whoever deleted it wanted that


def test_a_folder_that_comes_back_is_written_again(
    command: Command, accidents: Accidents, reference: Path
) -> None:
    accidents({5: lambda: Path("run").rename("away"), 9: lambda: Path("away").rename("run")})
    command(*RUN, "hydra.run.dir=run")
    assert record_of(Path("run"))["weights_sha256"] == record_of(reference)["weights_sha256"]
    assert curves(Path("run")) == curves(reference)
    assert load_checkpoint(Path("run/checkpoints/last.pt"))["step"] == 12


def test_a_folder_that_becomes_read_only_is_told_and_its_last_checkpoint_stands(
    command: Command, accidents: Accidents, reference: Path
) -> None:
    run = Path("run")
    folders = run, run / "checkpoints"
    accidents({5: lambda: freeze(*folders)})
    try:
        said = command(*RUN, "hydra.run.dir=run", code=1)
        assert "checkpoint not saved" in said.err
        assert said.err.splitlines()[-1].startswith(
            "sweepboard: the end of the run could not be saved in run: "
        )
        assert load_checkpoint(run / "checkpoints" / "last.pt")["step"] in (3, 4)
        accidents({})
        assert command("resume", "run", code=2).line.startswith("sweepboard: run cannot be written: ")
    finally:
        thaw(*folders)
    command("resume", "run")
    assert record_of(run)["weights_sha256"] == record_of(reference)["weights_sha256"]
    assert curves(run) == curves(reference)


def test_a_finished_run_on_a_read_only_disk_can_be_read_by_every_verb(command: Command) -> None:
    command(*TINY, "hydra.run.dir=runs/a")
    command(*TINY, "hydra.run.dir=runs/b", "seed=1")
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    folders = [Path("runs"), *Path("runs").rglob("*")]
    freeze(*folders)
    try:
        assert command("ls", "runs").out.count("finished") == 2
        assert "identical" in command("verify", "runs/a").out
        assert "seed" in command("diff", "runs/a", "runs/b").out
        command("compare", "runs")
        command("check", "runs")
        command("doctor", "runs")
        command("export", "runs/a", "--output", "a.safetensors")
        command("rerun", "runs/a")
        said = command("test", "runs/a")
        assert "test_best/accuracy" in said.out
        assert said.line.startswith("warning: not entered: runs/a cannot be written: ")
        assert "nothing is left to do" in command("resume", "runs/a").out
        assert "cannot be written" in command(*TINY, "output_root=runs", code=2).line
    finally:
        thaw(*folders)
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before
