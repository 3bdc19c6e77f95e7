"""Tables as CSV, for programs and for spreadsheets, which interpret some texts as formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from sweepboard.formatting import printable

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""The last four are the full-width forms, which count as the same."""


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each row below the names of all columns; rows may lack columns."""
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, names))
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Return a text in one line, with an apostrophe before a text that a spreadsheet would evaluate."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
