"""Plot curves of runs: one colour per config, its seeds as thin lines or as a band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.curves import Points, band, smoothed
from sweepboard.analysis.metrics import Steps
from sweepboard.analysis.plot_options import PlotOptions
from sweepboard.analysis.plot_style import Look, set_steps_axis
from sweepboard.analysis.table import Row
from sweepboard.board.fonts import as_label
from sweepboard.errors import UserError

SHORT = 12
"""Up to so many points of a curve have markers."""

FEW_SEEDS = 2
"""Up to this many seeds are drawn as lines behind their mean; more as a band of one standard deviation."""


def has_curves(comparison: Comparison, tag: str) -> bool:
    """Return whether any run logged the metric more than once."""
    return any(len(run.curves[tag][0]) > 1 for run in comparison.runs if tag in run.curves)


def draw_curves(
    axes: Axes, comparison: Comparison, looks: Sequence[Look], tag: str, options: PlotOptions
) -> None:
    """Draw every row's curve of one metric."""
    for row, look in zip(reversed(comparison.rows), reversed(looks), strict=True):  # the best on top
        if curves := _curves(row, tag, options.smooth):
            _draw_row(axes, curves, look, _scale(row, options))
            if options.smooth and look.front and len(curves) == 1:
                _draw_raw(axes, row, tag, look, _scale(row, options))
    axes.set_title(as_label(tag + (f", smoothed {options.smooth:g}" if options.smooth else "")))
    _set_axes(axes, comparison, options)
    _keep_in_view(axes, comparison, tag)


def _set_axes(axes: Axes, comparison: Comparison, options: PlotOptions) -> None:
    steps = "updates" if all(run.record for run in comparison.runs) else "step"
    set_steps_axis(axes, "epoch" if options.x == "epoch" else steps)
    if "x" in options.log:
        axes.set_xscale("log")
    if "y" in options.log:
        axes.set_yscale("log")


def _curves(row: Row, tag: str, smooth: float) -> list[Points]:
    return [(steps, smoothed(values, smooth)) for steps, values in row.curves(tag)]


def _scale(row: Row, options: PlotOptions) -> float:
    """Return by what steps are multiplied for the x axis."""
    return _epochs_per_step(row) if options.x == "epoch" else 1


def _epochs_per_step(row: Row) -> float:
    """Return the epochs of an update. Raise `UserError` if a run does not record them."""
    record = row.runs[0].record
    if record is None or not (record.step and record.epoch):
        raise UserError(f"--x epoch: {row.runs[0].name} does not record epochs; leave it out")
    return record.epoch / record.step


def _draw_row(axes: Axes, curves: Sequence[Points], look: Look, scale: float) -> None:
    style: Any = {"color": look.color, "linewidth": 1.6 if look.front else 0.7, "zorder": _depth(look)}
    over = band(curves)
    if len(curves) == 1 or not over.steps.size:
        for steps, values in curves:
            axes.plot(steps * scale, values, **_marked(steps), **style)
        return
    if len(curves) > FEW_SEEDS:
        low, high = over.mean - over.std, over.mean + over.std
        axes.fill_between(over.steps * scale, low, high, color=look.color, alpha=0.18, linewidth=0)
    elif look.front:
        for steps, values in curves:
            axes.plot(steps * scale, values, color=look.color, linewidth=0.7, alpha=0.45)
    axes.plot(over.steps * scale, over.mean, **_marked(over.steps), **style)


def _marked(steps: Steps) -> dict[str, Any]:
    """Return markers for a short curve, whose points get lost in its line."""
    return {"marker": "o", "markersize": 3} if len(steps) <= SHORT else {}


def _draw_raw(axes: Axes, row: Row, tag: str, look: Look, scale: float) -> None:
    steps, values = row.curves(tag)[0]
    axes.plot(steps * scale, values, color=look.color, linewidth=0.6, alpha=0.3)


def _depth(look: Look) -> float:
    return 3 if look.front else 1.5


def _keep_in_view(axes: Axes, comparison: Comparison, tag: str) -> None:
    """Limit the y axis to twice the runs' first values, so that a diverged run does not set the scale."""
    curves = [run.curves[tag][1] for run in comparison.runs if tag in run.curves]
    finite = [values for curve in curves if (values := curve[np.isfinite(curve)]).size]
    if not finite or comparison.modes.get(tag) != "min":
        return
    top = 2 * float(np.median([values[0] for values in finite]))
    low, high = min(values.min() for values in finite), max(values.max() for values in finite)
    if 0 < top < high / 1.5:
        axes.set_ylim(low - 0.05 * (top - low), top)
        beyond = sum(bool(values.min() > top) for values in finite)
        note = f"{beyond} beyond this scale" if beyond else ""
        axes.text(0.99, 0.97, note, transform=axes.transAxes, ha="right", va="top", fontsize=8)
