"""Plot a comparison: training curves, and a metric against what was swept."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.plot_curves import draw_curves, has_curves
from sweepboard.analysis.plot_options import PlotOptions
from sweepboard.analysis.plot_style import PALE, SMALL, STYLE, Look, is_numeric, legend_title, looks
from sweepboard.analysis.plot_swept import (
    both_numeric,
    draw_along,
    draw_choices,
    draw_heat_map,
    draw_scatter,
    is_grid,
)
from sweepboard.board.fonts import as_label, fonts_for
from sweepboard.errors import UserError
from sweepboard.files import write_atomic
from sweepboard.metric_names import is_training


@dataclass(frozen=True)
class Panel:
    """A part of a plot."""

    name: str
    draw: Callable[[Axes], None]


MOST_SWEPT_PANELS = 4
MOST_NAMES = 25
MOST_IN_A_PANEL = 12
"""Entries of a legend that stands in the place of a panel, where one is free."""
DPI = 150
PRINTED_DPI = 300
"""Dots per inch where the width is given, as for a paper."""


def plot(comparison: Comparison, path: Path, options: PlotOptions | None = None) -> list[Path]:
    """Draw the first metric shown, and a training curve, into `path` (.png, .svg, .pdf).

    Return the files that were written. Raise `UserError` if there is nothing to draw or a file cannot be
    written.
    """
    options = options or PlotOptions()
    if not any(row.drawn(tag) for tag in comparison.shown[:1] for row in comparison.rows):
        raise UserError("--plot: these runs have no metric to draw; --metric chooses another")
    style = STYLE | (SMALL if options.width else {})
    with mpl.rc_context(style), fonts_for(_texts(comparison)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "constrained_layout not applied")  # where names leave no room
        look = looks(comparison)
        panels = _panels(comparison, look, options)
        pictures = {_file(path, each.name): [each] for each in panels} if options.split else {path: panels}
        for file, shown in pictures.items():
            _write(_figure(comparison, look, shown, options), file, options)
    return list(pictures)


def _file(path: Path, name: str) -> Path:
    """Return the file of one panel: `lr-val-loss-curve.pdf`."""
    return path.with_name(f"{path.stem}-{re.sub(r'[^A-Za-z0-9.]+', '-', name)}{path.suffix}")


def _write(figure: Figure, path: Path, options: PlotOptions) -> None:
    picture = io.BytesIO()
    dpi = PRINTED_DPI if options.width else DPI
    try:
        figure.savefig(picture, dpi=dpi, format=path.suffix.removeprefix(".") or "png")
        write_atomic(path, picture.getvalue())
    except (OSError, ValueError) as error:
        raise UserError(f"--plot {path}: {error}") from error


def _texts(comparison: Comparison) -> list[str]:
    values = [str(value) for row in comparison.rows for value in row.hparams.values()]
    return [*comparison.tags, *comparison.keys, *comparison.labels, *values]


def _panels(comparison: Comparison, look: Sequence[Look], options: PlotOptions) -> list[Panel]:
    panels = [*_curve_panels(comparison, look, options), *_swept_panels(comparison, look)]
    if not panels:  # one point of each curve, and only the seed differs
        raise UserError("--plot: these runs have neither curves nor a swept setting to draw")
    return panels


def _figure(
    comparison: Comparison, look: Sequence[Look], panels: Sequence[Panel], options: PlotOptions
) -> Figure:
    columns = options.columns(len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=options.size(columns, lines), layout="constrained")
    FigureCanvasAgg(figure)
    for place, panel in enumerate(panels, start=1):
        panel.draw(figure.add_subplot(lines, columns, place))
    handles = _legend_handles(comparison, look)
    title = legend_title(comparison)
    words: dict[str, Any] = {"handles": handles, "title": title and as_label(title)}
    if lines * columns > len(panels) and 0 < len(handles) <= MOST_IN_A_PANEL:
        free = figure.add_subplot(lines, columns, lines * columns)
        free.set_axis_off()
        free.legend(**words, loc="center left")
    elif handles:
        figure.legend(**words, loc="outside lower center", ncols=_legend_columns(figure, handles))
    return figure


def _curve_panels(comparison: Comparison, look: Sequence[Look], options: PlotOptions) -> list[Panel]:
    training = [tag for tag in comparison.tags if is_training(tag) and comparison.modes[tag] == "min"]
    tags = dict.fromkeys([comparison.shown[0], *training[:1], *comparison.shown[1:2]])
    drawn = [tag for tag in tags if has_curves(comparison, tag)][:2]
    return [
        Panel(
            f"{tag} curve", partial(draw_curves, comparison=comparison, looks=look, tag=tag, options=options)
        )
        for tag in drawn
    ]


def _swept_panels(comparison: Comparison, look: Sequence[Look]) -> list[Panel]:
    tag, keys = comparison.shown[0], comparison.keys
    if is_grid(comparison):
        return [Panel(f"{tag} grid", partial(draw_heat_map, comparison=comparison, tag=tag))]
    if both_numeric(comparison):
        return [Panel(f"{tag} points", partial(draw_scatter, comparison=comparison, tag=tag))]
    if not keys:
        return [_choices(comparison, look, tag)] if 1 < len(comparison.rows) <= MOST_NAMES else []
    return [_along(comparison, look, tag, key) for key in keys[:MOST_SWEPT_PANELS]]


def _choices(comparison: Comparison, look: Sequence[Look], tag: str) -> Panel:
    draw = partial(draw_choices, comparison=comparison, looks=look, tag=tag, key=None)
    return Panel(f"{tag} runs", draw)


def _along(comparison: Comparison, look: Sequence[Look], tag: str, key: str) -> Panel:
    draw = draw_along if is_numeric(comparison, key) else draw_choices
    return Panel(f"{tag} by {key}", partial(draw, comparison=comparison, looks=look, tag=tag, key=key))


def _legend_handles(comparison: Comparison, look: Sequence[Look]) -> list[Line2D]:
    """Return the entries of the legend; none for a single row."""
    if len(look) < 2:
        return []
    named = [(each.color, as_label(each.label, 48)) for each in _in_order(comparison, look) if each.label]
    if len(named) < len(look):
        named.append((PALE, f"{len(look) - len(named)} others"))
    return [Line2D([], [], color=color, linewidth=2, label=label) for color, label in named]


def _legend_columns(figure: Figure, handles: Sequence[Line2D]) -> int:
    widest = max(len(str(handle.get_label())) for handle in handles)
    return max(1, int(figure.get_figwidth() * 11 / (widest + 6)))


def _in_order(comparison: Comparison, look: Sequence[Look]) -> Sequence[Look]:
    """Return the looks sorted by the values of a single swept number, or else as in the table."""
    if len(comparison.keys) != 1 or not is_numeric(comparison, comparison.keys[0]):
        return look
    values = [row.hparams[comparison.keys[0]] for row in comparison.rows]
    return [look[place] for place in sorted(range(len(look)), key=values.__getitem__)]
