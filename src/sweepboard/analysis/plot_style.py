"""How pictures of runs look: colours that can be told apart, scales that fit, text that is large enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.differences import as_text, short_names

Color: TypeAlias = str

PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#44AA99",
    "#999933",
    "#332288",
)
"""Okabe and Ito's colours for colour-blind readers, then Paul Tol's."""

PALE = "#C8C8C8"
INK = "#333333"

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.solid_capstyle": "round",
}


@dataclass(frozen=True)
class Look:
    """How one row is drawn in every panel."""

    color: Color
    label: str | None
    """Its entry in the legend; None for the many that are only there for comparison."""

    front: bool = True


def looks(comparison: Comparison) -> list[Look]:
    """A colour and a legend entry for each row, which comes in the order of the table.

    Values of one swept number go from dark to light; anything else gets colours of its own. Where there are
    more rows than colours, the best keep theirs and the others are pale.
    """
    labels = _legend_labels(comparison)
    rows = range(len(labels))
    if comparison.keys and len(comparison.keys) == 1 and is_numeric(comparison, comparison.keys[0]):
        colors = _graded([row.hparams[comparison.keys[0]] for row in comparison.rows])
        return [Look(colors[row], labels[row]) for row in rows]
    if len(labels) <= len(PALETTE):
        return [Look(PALETTE[row], labels[row]) for row in rows]
    return [Look(PALETTE[row], labels[row]) if row < 6 else Look(PALE, None, front=False) for row in rows]


def legend_title(comparison: Comparison) -> str | None:
    """What the legend's entries are values of, where that is one thing."""
    return short_name(comparison, comparison.keys[0]) if len(comparison.keys) == 1 else None


def _legend_labels(comparison: Comparison) -> list[str]:
    if len(comparison.keys) != 1:
        return list(comparison.labels)
    key = comparison.keys[0]
    return [as_text(row.hparams[key]) if key in row.hparams else "none" for row in comparison.rows]


def _graded(values: Sequence[float]) -> list[Color]:
    """Dark for the smallest value, light for the largest, evenly by rank."""
    scale = mpl.colormaps["viridis"]
    order = sorted(set(values))
    last = max(1, len(order) - 1)
    return [to_hex(scale(0.85 * order.index(value) / last)) for value in values]


def is_numeric(comparison: Comparison, key: str) -> bool:
    """Whether all rows have a number there."""
    values = [row.hparams.get(key) for row in comparison.rows]
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )


def short_name(comparison: Comparison, key: str) -> str:
    """The key as short as it is clear among the keys that differ."""
    return short_names(comparison.keys)[key]


def wants_log(values: Sequence[float]) -> bool:
    """Whether a logarithmic axis fits: all positive, and over a wide range."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= 20


def set_values_axis(axes: Axes, values: Sequence[float]) -> None:
    """Scale the x axis for swept values, and label just those where they are few."""
    distinct = sorted(set(values))
    if wants_log(distinct):
        axes.set_xscale("log")
    if len(distinct) <= 7:
        axes.xaxis.set_major_locator(FixedLocator(distinct))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: as_text(float(value))))
        if max(map(len, map(as_text, distinct))) > 5:
            axes.tick_params(axis="x", rotation=30)


def set_steps_axis(axes: Axes, label: str) -> None:
    """Label an x axis of steps, thousands as `2k`."""
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))


def thousands(value: float) -> str:
    """`500`, `2k`, `1.5M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def decimals(low: float, high: float) -> int:
    """Decimals with which values from `low` to `high` can be told apart in about a hundred steps."""
    if not high > low:
        return 3
    return min(8, max(0, 2 - math.floor(math.log10(high - low))))
