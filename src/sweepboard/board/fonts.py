"""Text for pictures: in a font that has its letters, and never read as a formula.

Fonts are looked up in matplotlib's list of installed fonts, and only for letters that its own font lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.font_manager import FontEntry

logger = logging.getLogger("sweepboard")

OWN = "DejaVu Sans"
"""Matplotlib's own font: most alphabets, but no East Asian ones and no emoji."""

LATIN = 0x17F
"""The last code point of the alphabets that Pillow's own font has."""

UNREADABLE = ("Last Resort", "Color Emoji")
"""Fonts whose glyphs are only boxes, or bitmaps that matplotlib cannot draw."""


@contextmanager
def fonts_for(texts: Iterable[str]) -> Iterator[None]:
    """Draw with fonts that have the letters of `texts`, if such are installed."""
    import matplotlib as mpl

    more = {font.name for letter in _foreign("".join(texts)) if (font := _font_with(letter)) is not None}
    with mpl.rc_context({"font.family": [OWN, *sorted(more)]}):
        yield


def as_label(text: str, length: int = 60) -> str:
    """Return `text` for matplotlib, without formulas and at most `length` long.

    Letters that no installed font has become question marks, with one warning.
    """
    missing = _missing(text)
    if missing:
        _warn(missing, "pictures show ? instead")
    shown = "".join("?" if letter in missing else letter for letter in shortened(text, length))
    return shown.replace("$", r"\$")


def class_label(name: str, number: int) -> str:
    """Return the name of a class, or its number, with one warning, if no installed font has its letters."""
    missing = _missing(name)
    if missing:
        _warn(missing, "pictures show the number of the class")
    return str(number) if missing else name


def font_file(text: str) -> str | None:
    """Return the file of a font with all letters of `text`; None for Latin letters, which every font has."""
    letters = {ord(letter) for letter in text}
    if max(letters, default=0) <= LATIN:
        return None
    from matplotlib import font_manager

    found = [font.fname for letter in _foreign(text) if (font := _font_with(letter)) is not None]
    files = [font_manager.findfont(OWN), *found]
    return next((file for file in files if _letters(file).issuperset(letters)), None)


def shortened(text: str, length: int = 48) -> str:
    """Return `text` without its middle if it is longer than `length`."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}\u2026{text[-half:]}"


def _foreign(text: str) -> list[str]:
    """Return the letters that matplotlib's own font lacks."""
    if text.isascii() and text.isprintable():
        return []
    from matplotlib import font_manager

    own = _letters(font_manager.findfont(OWN))
    return [letter for letter in dict.fromkeys(text) if ord(letter) not in own and letter != "\n"]


def _missing(text: str) -> str:
    return "".join(letter for letter in _foreign(text) if _font_with(letter) is None)


@cache
def _font_with(letter: str) -> FontEntry | None:
    from matplotlib import font_manager

    usual = (font for font in font_manager.fontManager.ttflist if font.style == "normal")
    fonts = (font for font in usual if not any(word in font.name for word in UNREADABLE))
    return next((font for font in fonts if ord(letter) in _letters(font.fname)), None)


@cache
def _letters(file: str) -> frozenset[int]:
    from matplotlib.font_manager import get_font

    try:
        return frozenset(get_font(file).get_charmap())
    except (OSError, RuntimeError):  # gone since the list was made, or a kind that FreeType cannot scale
        return frozenset()


@cache
def _warn(letters: str, what: str) -> None:
    logger.warning("no installed font has %s: %s", letters, what)
