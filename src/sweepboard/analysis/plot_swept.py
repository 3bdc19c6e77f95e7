"""Plot a metric against swept keys: one key on an axis, two as a heat map, several in a panel each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.differing_hparams import as_text
from sweepboard.analysis.metrics import spread
from sweepboard.analysis.plot_style import (
    INK,
    Look,
    decimals,
    is_numeric,
    set_values_axis,
    short_name,
    wants_log,
)
from sweepboard.board.fonts import as_label
from sweepboard.metric_names import MIN, UNKNOWN

MOST_CELLS = 120
FRAME = "#D55E00"


def draw_along(axes: Axes, comparison: Comparison, looks: Sequence[Look], tag: str, key: str) -> None:
    """Draw the best value of each run against a swept number.

    Dots are runs; a line joins the means if this is the only swept key.
    """
    rows = comparison.rows
    for row, look in zip(rows, looks, strict=True):
        scores = row.drawn(tag)
        here = [row.hparams[key]] * len(scores)
        _dots(axes, here, scores, look)
    values = [row.hparams[key] for row in rows]
    if len(comparison.keys) == 1:
        _join_means(axes, comparison, tag, key)
    set_values_axis(axes, values)
    axes.set_title(as_label(comparison.drawn(tag)))
    axes.set_xlabel(as_label(short_name(comparison, key)))


def _join_means(axes: Axes, comparison: Comparison, tag: str, key: str) -> None:
    means = [(row.hparams[key], spread(row.drawn(tag))) for row in comparison.rows]
    known = sorted((value, over.mean) for value, over in means if over is not None)
    axes.plot(*zip(*known, strict=True), color="#888888", linewidth=1.1, zorder=2)


def draw_choices(
    axes: Axes, comparison: Comparison, looks: Sequence[Look], tag: str, key: str | None
) -> None:
    """Draw the best value of each run in a line per choice of `key` (or per row label), the best on top."""
    names = _choices(comparison, key)
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    for row, look, name in zip(comparison.rows, looks, names, strict=True):
        scores = row.drawn(tag)
        _dots(axes, scores, [places[name]] * len(scores), look)
        mean = spread(row.drawn(tag))
        if mean is not None and mean.n > 1 and names.count(name) == 1:
            sides = [places[name] - 0.25, places[name] + 0.25]
            axes.plot([mean.mean] * 2, sides, color=look.color, linewidth=2)
    axes.set_yticks(list(places.values()), [as_label(name, 28) for name in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_title(as_label(comparison.drawn(tag) + (f" by {short_name(comparison, key)}" if key else "")))


def _dots(axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
    axes.scatter(xs, ys, s=24, color=look.color, alpha=0.85, linewidths=0, zorder=3 if look.front else 2)


def _choices(comparison: Comparison, key: str | None) -> list[str]:
    if key is None:
        return list(comparison.labels)
    return [as_text(row.hparams[key]) if key in row.hparams else "none" for row in comparison.rows]


def is_grid(comparison: Comparison) -> bool:
    """Return whether two keys were swept and most of their combinations exist."""
    if len(comparison.keys) != 2:
        return False
    sides = [len(_levels(comparison, key)) for key in comparison.keys]
    cells = sides[0] * sides[1]
    return min(sides) > 1 and cells <= MOST_CELLS and len(comparison.rows) >= 0.6 * cells


def draw_heat_map(axes: Axes, comparison: Comparison, tag: str) -> None:
    """Draw the mean best value for each pair of swept values; the best pair has a frame."""
    across, up = sorted(comparison.keys, key=lambda key: -len(_levels(comparison, key)))
    columns, lines = _levels(comparison, across), _levels(comparison, up)
    cells = np.full((len(lines), len(columns)), np.nan)
    for row in comparison.rows:
        best = spread(row.drawn(tag))
        place = lines.index(row.hparams.get(up)), columns.index(row.hparams.get(across))
        cells[place] = best.mean if best else np.nan
    lower, ranked = comparison.modes[tag] == MIN, comparison.modes[tag] != UNKNOWN
    axes.imshow(cells, aspect="auto", origin="lower", cmap="viridis_r" if lower else "viridis")
    _label_cells(axes, cells, lower, ranked)
    axes.set_xticks(range(len(columns)), [as_label(as_text(value), 28) for value in columns])
    axes.set_yticks(range(len(lines)), [as_label(as_text(value), 28) for value in lines])
    axes.grid(visible=False)
    axes.set_title(as_label(comparison.drawn(tag)))
    axes.set_xlabel(as_label(short_name(comparison, across)))
    axes.set_ylabel(as_label(short_name(comparison, up)))


def _label_cells(axes: Axes, cells: np.ndarray, lower_is_better: bool, ranked: bool) -> None:
    finite = cells[np.isfinite(cells)]
    if not finite.size:
        return
    low, high = float(finite.min()), float(finite.max())
    best = low if lower_is_better else high
    for (line, column), value in np.ndenumerate(cells):
        brightness = (value - low) / (high - low or 1.0)
        bright = brightness < 0.4 if lower_is_better else brightness > 0.6
        color = INK if bright else "white"
        text = f"{value:.{decimals(low, high)}f}" if np.isfinite(value) else ""
        axes.text(column, line, text, ha="center", va="center", fontsize=8, color=color)
        if ranked and value == best:
            frame = Rectangle(
                (column - 0.48, line - 0.48), 0.96, 0.96, fill=False, edgecolor=FRAME, linewidth=2
            )
            axes.add_patch(frame)


def _levels(comparison: Comparison, key: str) -> list[Any]:
    """Return the values of a key, numbers before text; None stands for rows without it."""
    values = {row.hparams.get(key) for row in comparison.rows}
    return sorted(
        values, key=lambda value: (value is None, isinstance(value, str), value if value is not None else 0)
    )


def draw_scatter(axes: Axes, comparison: Comparison, tag: str) -> None:
    """Draw two swept numbers that form no grid (a random search), with the metric as colour."""
    across, up = comparison.keys
    known = [(row, score) for row in comparison.rows if (score := spread(row.drawn(tag))) is not None]
    lower = comparison.modes[tag] == MIN
    xs, ys = ([row.hparams[key] for row, _ in known] for key in (across, up))
    colors = [score.mean for _, score in known]
    points = axes.scatter(xs, ys, c=colors, cmap="viridis_r" if lower else "viridis", s=36, zorder=3)
    best = colors.index(min(colors) if lower else max(colors))
    if comparison.modes[tag] != UNKNOWN:
        axes.scatter(xs[best], ys[best], s=110, facecolors="none", edgecolors=FRAME, linewidths=1.6, zorder=4)
    set_values_axis(axes, xs)
    if wants_log(ys):
        axes.set_yscale("log")
    axes.set_xlabel(as_label(short_name(comparison, across)))
    axes.set_ylabel(as_label(short_name(comparison, up)))
    axes.set_title(as_label(comparison.drawn(tag)))
    axes.figure.colorbar(points, ax=axes, pad=0.02)


def both_numeric(comparison: Comparison) -> bool:
    """Return whether exactly two numbers were swept."""
    return len(comparison.keys) == 2 and all(is_numeric(comparison, key) for key in comparison.keys)
