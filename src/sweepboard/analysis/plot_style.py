"""The style of plots: colours that are easy to distinguish, axis scales, and readable text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.differing_hparams import as_text, short_names

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

CHARACTERS = 35
"""About as many characters are as long as the x axis of a panel."""

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
    "pdf.fonttype": 42,  # TrueType: journals refuse the default, Type 3
    "ps.fonttype": 42,
}

SMALL: Any = {"font.size": 7.5, "axes.titlesize": 8, "legend.fontsize": 7, "axes.linewidth": 0.6}
"""On top of `STYLE` where the width is given, as for a paper."""


@dataclass(frozen=True)
class Look:
    """The style of one row in every panel."""

    color: Color
    label: str | None
    """The legend entry; None for pale rows without one."""

    front: bool = True


def looks(comparison: Comparison) -> list[Look]:
    """Return colour and legend entry of each row, in the order of the table.

    The values of a single swept number are graded from dark to light; other rows get distinct colours. If
    there are more rows than colours, the best rows get them and the others are pale.
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
    """Return the key whose values the legend shows, or None if there are several."""
    return short_name(comparison, comparison.keys[0]) if len(comparison.keys) == 1 else None


def _legend_labels(comparison: Comparison) -> list[str]:
    if len(comparison.keys) != 1:
        return list(comparison.labels)
    key = comparison.keys[0]
    return [as_text(row.hparams[key]) if key in row.hparams else "none" for row in comparison.rows]


def _graded(values: Sequence[float]) -> list[Color]:
    """Return colours by rank, evenly from dark for the smallest value to light for the largest."""
    scale = mpl.colormaps["viridis"]
    order = sorted(set(values))
    last = max(1, len(order) - 1)
    return [to_hex(scale(0.85 * order.index(value) / last)) for value in values]


def is_numeric(comparison: Comparison, key: str) -> bool:
    """Return whether all rows have a number for `key`."""
    values = [row.hparams.get(key) for row in comparison.rows]
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )


def short_name(comparison: Comparison, key: str) -> str:
    """Return the shortest unambiguous name of the key among those that differ."""
    return short_names(comparison.keys)[key]


def wants_log(values: Sequence[float]) -> bool:
    """Return whether a logarithmic axis fits: all values positive, over a wide range."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= 20


def set_values_axis(axes: Axes, values: Sequence[float]) -> None:
    """Scale the x axis for swept values, with a tick at each value if there are few."""
    distinct = sorted(set(values))
    if wants_log(distinct):
        axes.set_xscale("log")
    if len(distinct) <= 7:
        axes.xaxis.set_major_locator(FixedLocator(distinct))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: as_text(float(value))))
        if _are_crowded(distinct):
            axes.tick_params(axis="x", rotation=30)


def _are_crowded(values: Sequence[float]) -> bool:
    """Return whether two of the sorted ticks are nearer to each other than their texts are long."""
    places = [math.log(value) for value in values] if wants_log(values) else list(values)
    gaps = [after - before for before, after in pairwise(places)]
    longest = max(len(as_text(value)) for value in values)
    return bool(gaps) and min(gaps) / sum(gaps) * CHARACTERS < longest + 2


def set_steps_axis(axes: Axes, label: str) -> None:
    """Label an x axis of steps, with thousands as `2k`."""
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))


def thousands(value: float) -> str:
    """Return `500`, `2k`, `1.5M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def decimals(low: float, high: float) -> int:
    """Return the number of decimals that distinguishes about a hundred values from `low` to `high`."""
    if not high > low:
        return 3
    return min(8, max(0, 2 - math.floor(math.log10(high - low))))
