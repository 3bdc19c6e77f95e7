"""Values for a report: bounded, and as JSON holds them."""

from __future__ import annotations

import math
from typing import Any

MOST_TEXT = 2000
"""Characters of a text, for example of a command."""


def plain(value: Any) -> Any:
    """Return a value that JSON holds as it is; anything else as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int) else text(value)


def finite(value: float) -> float | None:
    """Return a finite number, or None."""
    return value if math.isfinite(value) else None


def text(value: object) -> str:
    """Return the text of a value, cut where it is very long."""
    whole = str(value)
    return whole if len(whole) <= MOST_TEXT else f"{whole[:MOST_TEXT]} ... ({len(whole)} characters)"
