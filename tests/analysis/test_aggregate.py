"""`compare --aggregate`: what TensorBoard shows of all seeds together."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.board.event_reader import read_hparams
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.cli import main
from sweepboard.runs.discover import discover
from tests.conftest import WriteRun


@pytest.fixture
def seeds(tmp_path: Path, write_run: WriteRun) -> Path:
    for lr in (0.1, 0.2):
        for seed in (1, 2):
            curve = [(10, seed), (20, 2 * seed), (30 + seed, 5.0)]
            write_run(tmp_path / f"{lr},{seed}", {"optimizer.lr": lr, "seed": seed}, {"val/loss": curve})
    write_run(tmp_path / "alone", {"optimizer.lr": 0.3})
    return tmp_path


def test_mean_and_spread_at_the_steps_that_all_seeds_have(
    seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(seeds), "--aggregate"]) == 0
    folder = seeds / "aggregate" / "optimizer.lr=0.1"
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) == [
        "optimizer.lr=0.1",
        "optimizer.lr=0.2",
    ]
    for tag, values in (
        ("val/loss", [1.5, 3.0]),
        ("val/loss/lower", [0.79289, 1.58579]),
        ("val/loss/upper", [2.20711, 4.41421]),
    ):
        series = read_scalars(folder)[tag]
        assert series.steps.tolist() == [10, 20]
        assert series.values.tolist() == pytest.approx(values, abs=1e-4)
    assert read_hparams(folder) is None  # no row of its own in the HParams table


def test_aggregates_are_no_runs_and_are_replaced(seeds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = discover([seeds])
    for _ in range(2):
        assert main(["compare", str(seeds), "--aggregate"]) == 0
        assert discover([seeds]) == before
    assert len(list((seeds / "aggregate" / "optimizer.lr=0.1").iterdir())) == 2, "a layout and the curves"
    assert not list(seeds.glob(".*"))


def test_nothing_else_is_ever_replaced(seeds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(seeds), "--aggregate", str(seeds / "alone")]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert (seeds / "alone" / "run.json").is_file()
    assert main(["compare", str(seeds / "alone"), "--aggregate"]) == 2
    assert "no config has two seeds" in capsys.readouterr().err
