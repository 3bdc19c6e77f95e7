"""Tables for the terminal: whole columns give way where it is narrow, and no word is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sweepboard.cli.terminal import filled, painted, width, wrapped
from sweepboard.formatting import printable

GAP = "  "
LEAST = 20
"""Columns of the terminal below which text is not wrapped but left out."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    header: str
    cells: Sequence[str]
    worth: int = 50
    """Where the terminal is too narrow, the column of the least worth is left out first."""

    wraps: bool = False
    """Whether its cells are text, which may take several lines; only the last column can."""

    colour: Callable[[str], str | None] | None = None
    """The colour of a cell by its text."""

    @cached_property
    def width(self) -> int:
        return max(len(printable(cell)) for cell in (self.header, *self.cells))

    @cached_property
    def least(self) -> int:
        """The width that it needs: that of its text on several lines, if it may be wrapped."""
        words = [word for cell in (self.header, *self.cells) for word in printable(cell).split()]
        return min(self.width, max(LEAST, *map(len, words))) if self.wraps and words else self.width


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, all of them; on a narrow terminal the last one is wrapped."""
    cells = [list(each) for each in zip(*rows, strict=True)] if rows else [[] for _ in headers]
    columns = [Column(header, each) for header, each in zip(headers, cells, strict=True)]
    for line in table_lines([*columns[:-1], replace(columns[-1], wraps=True)], width()):
        print(line)


def print_columns(columns: Sequence[Column], best: int | None = None) -> None:
    """Print aligned columns; on a terminal those that fit and are not empty. Row `best` is bold.

    What is left out is said on standard error.
    """
    room = width()
    if room is not None:
        columns = [column for column in columns if any(column.cells) or not column.cells]
    kept = fitting(columns, room)
    for line in table_lines(kept, room, best):
        print(line)
    if left_out := [column.header for column in columns if column not in kept]:
        names = ", ".join(dict.fromkeys(left_out))
        for line in wrapped(f"left out in {room} columns: {names}"):
            print(painted(line, "dim"), file=sys.stderr)


def fitting(columns: Sequence[Column], room: int | None) -> list[Column]:
    """Return the columns that fit into `room`: all if it is None, and at least one."""
    kept = list(columns)
    while room is not None and len(kept) > 1 and _needed(kept) > room:
        # Of equal worth the right one goes.
        kept.pop(min(reversed(range(len(kept))), key=lambda index: kept[index].worth))
    return kept


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.least for column in columns) + len(GAP) * (len(columns) - 1)


def table_lines(columns: Sequence[Column], room: int | None, best: int | None = None) -> Iterator[str]:
    """Yield the lines of a table, without blanks at their ends."""
    widths = [column.width for column in columns]
    if room is not None and columns and columns[-1].wraps:
        before = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(columns[-1].least, room - before))
    rows = zip(*(column.cells for column in columns), strict=True)
    for number, row in enumerate(([column.header for column in columns], *rows)):
        colours = [column.colour and column.colour(cell) for column, cell in zip(columns, row, strict=True)]
        if number == 0:
            colours = ["dim"] * len(columns)
        elif best is not None and number == best + 1:
            colours = [colour or "bold" for colour in colours]
        yield from _row_lines([printable(cell) for cell in row], widths, colours)


def _row_lines(cells: Sequence[str], widths: Sequence[int], colours: Sequence[str | None]) -> Iterator[str]:
    *whole, last = cells
    first, *more = _wrapped(last, widths[-1])
    padded = [cell.ljust(width) for cell, width in zip([*whole, first], widths, strict=True)]
    while padded and not padded[-1].strip():
        padded.pop()
    if padded:
        padded[-1] = padded[-1].rstrip()
    yield GAP.join(painted(cell, colour) for cell, colour in zip(padded, colours, strict=False))
    before = sum(widths[:-1]) + len(GAP) * len(whole)
    for line in more:
        yield " " * before + painted(line, colours[-1])


def _wrapped(text: str, room: int) -> list[str]:
    if len(text) <= room:
        return [text]
    return filled(text, room)
