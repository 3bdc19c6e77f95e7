"""Runs are asked for by short names, wherever a run is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.runs.short_names import NoSuchName, named_run, numbered
from tests.command import Command
from tests.conftest import WriteRun

NAMES = ["2026-11-20/10-00-00-model=mlp", "2026-11-20/11-00-00", "sweeps/lr/optimizer.lr=0.1", "mine"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun) -> list[Path]:
    """Four runs, the oldest first, the third of which is a job of a sweep; the second is the best."""
    work = tmp_path / "work"
    for hour, name in enumerate(NAMES):
        best = {"accuracy": 0.9 if hour == 1 else 0.5, "loss": 1.0 - hour / 10}
        entries = {"started": 1e9 + hour, "best": best, "modes": {"accuracy": "max", "loss": "min"}}
        write_run(work / "outputs" / name, record=entries)
    (work / "outputs/sweeps/lr/sweep.json").write_text("{}")
    monkeypatch.chdir(work)
    return [Path("outputs") / name for name in NAMES]


def test_what_short_names_stand_for(runs: list[Path]) -> None:
    assert [each.folder.path for each in numbered()] == runs
    first, second, job, mine = runs
    assert named_run("last") == mine
    assert named_run("best") == named_run("best:accuracy") == named_run("best:val/accuracy") == second
    assert named_run("best:loss") == mine
    assert [named_run(str(number)) for number in (1, 2, 3, 4)] == runs
    assert named_run("10-00") == named_run("2026-11-20/10") == first
    assert named_run("optimizer") == named_run("sweeps/lr/o") == job
    assert named_run("lr") == named_run("sweeps/lr") == job.parent
    assert named_run("mi") == mine


def test_a_folder_of_that_name_comes_first_and_other_names_stay(runs: list[Path]) -> None:
    Path("last").mkdir()
    assert named_run("last") == Path("last")
    for other in ("5", "0", "nothing", "", "2026-11-20/12"):
        assert named_run(other) == Path(other)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2026", "2026: 2 runs are called so: 2026-11-20/10-00-00-model=mlp, 2026-11-20/11-00-00; type more"),
        ("best:nothing", "best:nothing: no run has val/nothing"),
    ],
)
def test_names_that_are_not_clear(name: str, message: str, runs: list[Path]) -> None:
    with pytest.raises(NoSuchName, match=f"^{message}"):
        named_run(name)


def test_last_of_a_sweep_is_the_sweep_where_that_is_meant(runs: list[Path], write_run: WriteRun) -> None:
    write_run(Path("outputs/sweeps/lr/optimizer.lr=0.2"), record={"started": 2e9})
    assert named_run("last", sweeps=True) == Path("outputs/sweeps/lr")
    assert named_run("last") == Path("outputs/sweeps/lr/optimizer.lr=0.2")


def test_a_damaged_record_has_a_number_and_is_not_best(runs: list[Path]) -> None:
    (runs[1] / "run.json").write_text("[]")
    assert len(numbered()) == 4
    assert named_run("best") != runs[1]


def test_verbs_take_short_names_and_say_what_they_are(
    command: Command, tmp_path: Path, write_run: WriteRun
) -> None:
    for hour, name in enumerate(NAMES[:2]):
        write_run(Path("outputs") / name, record={"started": 1e9 + hour})
    assert (
        command("compare", "last", "1", "--csv").err == f"last: outputs/{NAMES[1]}\n1: outputs/{NAMES[0]}\n"
    )
    assert command("check", "1").err.startswith(f"1: outputs/{NAMES[0]}\n")
    assert command("verify", "2026", code=2).line.startswith("sweepboard: 2026: 2 runs are called so")
    assert command("diff", "lasst", "1", code=2).err.splitlines()[-1].startswith("sweepboard: lasst: no such")
