"""`compare --plot` for a paper and a slide, and `compare --latex`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from sweepboard.analysis import plots
from sweepboard.analysis.plot_style import set_values_axis
from sweepboard.cli import main
from tests.conftest import WriteRun


@pytest.fixture
def sweep(tmp_path: Path, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two learning rates with three seeds each."""
    monkeypatch.chdir(tmp_path)
    for lr, top in ((0.1, 0.7), (0.01, 0.9)):
        for seed in (1, 2, 3):
            curves = {
                "val/accuracy": [(100, 0.5), (200, top), (300, top + seed / 100)],
                "train/loss": [(step, 1 / step) for step in range(1, 301, 5)],
            }
            write_run(tmp_path / f"runs/lr={lr},seed={seed}", {"optimizer.lr": lr, "seed": seed}, curves)
    return tmp_path / "runs"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that a plot makes."""
    figures: list[Figure] = []
    figure = plots._figure

    def kept(*given: Any) -> Figure:
        figures.append(figure(*given))
        return figures[-1]

    monkeypatch.setattr(plots, "_figure", kept)
    return figures


def test_a_plot_says_what_it_wrote(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--plot", "lr.png"]) == 0
    assert capsys.readouterr().err == "wrote lr.png\n"


def test_a_file_for_each_panel(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--plot", "lr.svg", "--split"]) == 0
    files = ["lr-val-accuracy-curve.svg", "lr-train-loss-curve.svg", "lr-val-accuracy-by-optimizer.lr.svg"]
    assert capsys.readouterr().err.splitlines() == [f"wrote {name}" for name in files]
    assert all(Path(name).read_text().startswith("<?xml") for name in files)


def test_a_legend_stands_where_a_panel_is_free(sweep: Path, drawn: list[Figure]) -> None:
    assert main(["compare", str(sweep), "--plot", "lr.png", "--width", "text"]) == 0
    assert main(["compare", str(sweep), "--plot", "lr.png"]) == 0
    two_by_two, in_a_row = drawn
    assert ([axes.get_legend() is not None for axes in two_by_two.axes], two_by_two.legends) == (
        [False, False, False, True],
        [],
    )
    assert (len(in_a_row.axes), len(in_a_row.legends)) == (3, 1)


@pytest.mark.parametrize(
    ("values", "turned"), [([1e-4, 1e-3, 1e-2], 0), ([0.001, 0.0011, 0.01], 30), ([0.5], 0)]
)
def test_texts_of_ticks_are_turned_only_where_they_would_meet(values: list[float], turned: int) -> None:
    axes = Figure().subplots()
    set_values_axis(axes, values)
    assert axes.get_xticklabels()[0].get_rotation() == turned


@pytest.mark.parametrize(("width", "inches"), [("column", 3.25), ("text", 6.75), ("5", 5.0)])
def test_the_width_of_a_paper(sweep: Path, drawn: list[Figure], width: str, inches: float) -> None:
    assert main(["compare", str(sweep), "--plot", "lr.pdf", "--width", width]) == 0
    content = Path("lr.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) [0-9.]+ \]", content)
    assert box
    assert float(box[1]) == pytest.approx(72 * inches)
    assert drawn[0].axes[0].title.get_fontsize() == 8


def test_a_pdf_has_truetype_fonts(sweep: Path) -> None:
    assert main(["compare", str(sweep), "--plot", "lr.pdf"]) == 0
    content = Path("lr.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("width", ["wide", "0", "1000", "nan"])
def test_a_width_that_is_none(sweep: Path, width: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--plot", "lr.pdf", "--width", width]) == 2
    assert "give inches from 1 to 60, column (3.25) or text (6.75)" in capsys.readouterr().err


def test_axes_bands_and_markers(sweep: Path, drawn: list[Figure]) -> None:
    assert main(["compare", str(sweep), "--plot", "lr.png", "--x", "epoch", "--log", "xy"]) == 0
    accuracy, loss, _ = drawn[0].axes
    assert (accuracy.get_xscale(), accuracy.get_yscale()) == ("log", "log")
    assert accuracy.get_xlabel() == "epoch"
    assert np.asarray(accuracy.lines[0].get_xdata()).tolist() == pytest.approx(
        [5 / 3, 10 / 3, 5.0]
    )  # 5 epochs of 60 updates
    assert len(accuracy.collections) == 2  # bands over three seeds
    assert [line.get_marker() for line in (accuracy.lines[0], loss.lines[0])] == ["o", "None"]


def test_epochs_that_are_not_recorded(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for lr in (0.1, 0.2):
        curves = {"val/loss": [(1, 0.5), (2, 0.4)]}
        write_run(tmp_path / f"a/{lr}", {"optimizer.lr": lr}, curves, {"epoch": 0.0})
    assert main(["compare", str(tmp_path / "a"), "--plot", str(tmp_path / "a.png"), "--x", "epoch"]) == 2
    assert "--x epoch: 0.2 does not record epochs; leave it out" in capsys.readouterr().err


def test_a_metric_that_few_runs_have_is_not_chosen(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """The primary metric of most runs that say one may be that of a few in all."""
    for lr in (0.1, 0.2, 0.3, 0.4, 0.5):
        rare = {"val/accuracy": [(1, 0.5)]} if lr == 0.1 else {}
        write_run(tmp_path / f"{lr}", {"optimizer.lr": lr}, {"val/loss": [(1, lr)], **rare})
    assert main(["compare", str(tmp_path)]) == 0
    header = capsys.readouterr().out.splitlines()[0]
    assert "val/loss" in header
    assert "accuracy" not in header
    assert main(["compare", str(tmp_path), "--metric", "val/accuracy"]) == 0
    assert "val/accuracy" in capsys.readouterr().out


def test_latex(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--latex", "--metric", "val/accuracy"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        r"% \usepackage{booktabs}",
        r"\begin{tabular}{rrrrrrl}",
        r"\toprule",
        r"lr & runs & best val/accuracy & at step & last & time & run \\",
        r"\midrule",
        r"\textbf{0.01} & \textbf{3} & \textbf{0.920 $\pm$ 0.010} & \textbf{300} & \textbf{0.920 $\pm$ 0.010}"
        r" & \textbf{0:50} & \textbf{lr=0.01,seed=*} \\",
        r"0.1 & 3 & 0.720 $\pm$ 0.010 & 300 & 0.720 $\pm$ 0.010 & 0:50 & lr=0.1,seed=* \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_latex_escapes_what_latex_would_read(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "a_b%$&#{x}~^", {"model": "mlp"}, {"val/loss": [(1, 0.5)]})
    assert main(["compare", str(tmp_path), "--latex"]) == 0
    name = r"a\_b\%\$\&\#\{x\}\textasciitilde{}\textasciicircum{}"
    assert name in capsys.readouterr().out
