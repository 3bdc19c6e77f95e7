"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from sweepboard.formatting import printable


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; the last one is never truncated, so that a pipe gets all of it."""
    table = [[printable(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headers))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
