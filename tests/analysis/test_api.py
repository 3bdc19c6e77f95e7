"""`sweepboard.load_runs`: with pandas and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sweepboard
from sweepboard.errors import UserError
from tests.conftest import WriteRun


@pytest.fixture
def outputs(tmp_path: Path, write_run: WriteRun) -> Path:
    for lr in (0.1, 0.2):
        write_run(tmp_path / f"lr={lr}", {"optimizer.lr": lr, "seed": 3})
    return tmp_path


def test_records_say_what_a_run_was_and_what_came_out(outputs: Path) -> None:
    first, second = sweepboard.load_runs(outputs)
    assert (first.name, second.name) == ("lr=0.1", "lr=0.2")
    assert first.config["optimizer"]["lr"] == first.hparams["optimizer.lr"] == 0.1
    assert (first.seed, first.status, first.path) == (3, "finished", outputs / "lr=0.1")
    assert first.metrics["val/accuracy"] == pytest.approx(0.85)
    assert first.best["val/accuracy"] == pytest.approx(0.9)
    assert [run.name for run in sweepboard.load_runs(outputs, where="lr > 0.1")] == ["lr=0.2"]
    with pytest.raises(UserError, match="no such folder"):
        sweepboard.load_runs(outputs / "gone")


def test_frames_where_pandas_is(outputs: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="frames are for those who have pandas")
    results = sweepboard.load_runs(outputs)
    curves = results[0].curves
    assert isinstance(curves, pandas.DataFrame)
    assert curves.index.name == "step"
    assert curves["val/accuracy"].dropna().to_dict() == pytest.approx(
        {100: 0.5, 200: 0.7, 300: 0.9, 400: 0.8, 500: 0.85}
    )
    assert results.table["optimizer.lr"].tolist() == [0.1, 0.2]
    assert results.table["step(val/accuracy)"].tolist() == [300, 300]


def test_lists_where_it_is_not(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    results = sweepboard.load_runs(outputs)
    assert results[0].curves["test/accuracy"] == [(500, pytest.approx(0.84))]
    assert results.table[1]["optimizer.lr"] == 0.2


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import sweepboard", ["torch", "numpy", "pandas"]),
        ("import sweepboard; sweepboard.load_runs('.')", ["torch", "matplotlib", "pandas"]),
        ("from sweepboard.cli import main; main(['compare', '.'])", ["torch", "matplotlib", "pandas"]),
        ("from sweepboard.cli import main; main(['check', '.'])", ["torch", "matplotlib", "pandas"]),
        ("from sweepboard.cli import main; main(['doctor', '.'])", ["torch", "matplotlib", "pandas"]),
    ],
)
def test_nothing_heavy_is_imported(outputs: Path, code: str, absent: list[str]) -> None:
    program = f"{code}\nimport sys\nprint([name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=outputs, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_notebook_shows_runs_as_tables(outputs: Path, write_run: WriteRun) -> None:
    hostile = "<script>alert(1)</script>"
    write_run(outputs / "odd", {"model": hostile}, {f"val/{hostile}loss": [(1, 0.5)]}, {"status": "failed"})
    runs = sweepboard.load_runs(outputs)
    shown = runs._repr_html_()
    assert shown.count("<tr>") == 4
    assert "<td>lr=0.1</td><td>" in shown
    assert "<th>best val/accuracy</th>" in shown
    assert "<td>0.9</td>" in shown
    odd = next(run for run in runs if run.name == "odd")
    assert "<td>failed</td>" in odd._repr_html_()
    assert "(best 0.9 at step " in runs[0]._repr_html_()
    for html in (shown, odd._repr_html_()):
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_a_notebook_shows_that_there_are_no_runs(outputs: Path) -> None:
    runs = sweepboard.load_runs(outputs)
    runs.clear()
    assert runs._repr_html_() == "<p>no runs</p>"
