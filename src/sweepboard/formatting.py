"""Format numbers, times and foreign text for people."""

from __future__ import annotations

import math
import struct
import unicodedata
from collections.abc import Sequence
from typing import Any


def number(value: float) -> str:
    """Return a metric with four significant digits; an integer unchanged."""
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e6
    return str(int(value)) if whole else f"{value:.4g}"


def as_logged(value: float) -> float:
    """Return the number that was logged: 0.9 for 0.8999999761581421, which single precision makes of it."""
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if _single(short) == value:
            return short
    return value


def _single(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.inf


def yaml_text(value: Any, longest: int = 60) -> str:
    """Return a value as written in YAML, truncated to `longest` characters."""
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else str(value) or "''"
    return text if len(text) <= longest else text[: longest - 3] + "..."


def duration(seconds: float) -> str:
    """Return `0:07`, `12:30`, `3:04:05`; `?` if unknown."""
    if not math.isfinite(seconds):
        return "?"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def bytes_text(count: int) -> str:
    """Return a number of bytes: `512 B`, `1.5 MB`."""
    size, units = float(count), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 1000 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{size:.3g} {unit}"


def age(seconds: float) -> str:
    """Return how long ago something was: `12s`, `5m`, `3h`, `4d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def some(names: Sequence[str], most: int = 2) -> str:
    """Return the first `most` names: `a, b and 3 more`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that a terminal acts on or does not show.

Control characters, direction marks, surrogates of file names that are not UTF-8, line and paragraph
separators.
"""

_JOINERS = "\u200c\u200d"
"""Invisible, but part of the spelling of some scripts and emoji."""


def printable(text: object, keep: str = "") -> str:
    r"""Return `text` in one line without control characters, for text from records, tags and names.

    Control characters, line breaks and direction marks are escaped as `\x1b`, `\n`, `\u202e`; the characters
    in `keep` stay.
    """
    words = str(text)
    if words.isprintable():
        return words
    return "".join(letter if letter in keep or is_seen(letter) else _escaped(letter) for letter in words)


def is_seen(letter: str) -> bool:
    """Return whether a terminal only displays a character."""
    return letter in _JOINERS or unicodedata.category(letter) not in _UNSEEN


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode()
