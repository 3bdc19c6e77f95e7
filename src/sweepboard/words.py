"""Numbers and times as people read them."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """A metric in four significant digits, a whole number as it is."""
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e6
    return str(int(value)) if whole else f"{value:.4g}"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `3:04:05`; `?` where it is not known."""
    if not math.isfinite(seconds):
        return "?"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def age(seconds: float) -> str:
    """`12s`, `5m`, `3h`, `4d`: how long ago."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"
