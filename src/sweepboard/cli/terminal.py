"""What the terminal of this process can show: its width, colours, and whether a line can be drawn again.

Rich would tell the same, but takes longer to import than `sweepboard ls` takes as a whole.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

COLOURS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "bold": 1, "dim": 2}
"""SGR codes of what `painted` can do."""

STATUS_COLOURS = {
    "finished": "green",
    "running": "cyan",
    "failed": "red",
    "damaged": "red",
    "interrupted": "yellow",
    "pruned": "dim",
    "waiting": "dim",
}


def is_live(stream: TextIO | None = None) -> bool:
    """Return whether lines can be drawn again: not in a pipe, on a dumb terminal, or in CI."""
    return (stream or sys.stdout).isatty() and not _is_dumb() and not os.environ.get("CI")


def is_notebook() -> bool:
    """Return whether the output is that of a notebook, which can write a line anew but shows no terminal."""
    return type(sys.stdout).__module__.partition(".")[0] == "ipykernel"


def has_colours(stream: TextIO | None = None) -> bool:
    """Return whether text is coloured: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return is_live(stream) and not os.environ.get("NO_COLOR")


def width() -> int | None:
    """Return the number of columns of the terminal; None in a pipe, which gets everything."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def wrapped(text: str) -> list[str]:
    """Return `text` in lines of whole words that fit the terminal; in a pipe as one line."""
    room = width()
    if room is None:
        return [text]
    return filled(text, room)


def help_width() -> int:
    """Return the number of columns for help, as argparse counts them: in a pipe 80, unless COLUMNS is set."""
    return shutil.get_terminal_size().columns


def definitions(rows: Sequence[tuple[str, str]], room: int) -> list[str]:
    """Return words, each with its text beside it; below it where the word takes a third of the line."""
    indent = 2 + min(max((len(word) for word, _ in rows), default=0), room // 3) + 2
    lines = []
    for word, text in rows:
        first = f"  {word}".ljust(indent)
        if len(first) > indent or not first.endswith("  "):
            lines += filled(word, room, "  ", "    ")
            first = " " * indent
        lines += filled(text, room, first, " " * indent)
    return lines


def filled(text: str, room: int, first: str = "", further: str = "") -> list[str]:
    """Return `text` in lines of whole words of at most `room` characters, the words that are longer alone.

    It does what textwrap does, which takes a tenth of the time of `--help`.
    """
    lines, line = [], first
    for word in text.split():
        if len(line) + len(word) > room and line.strip():
            lines.append(line.rstrip())
            line = further
        line += f"{word} "
    return [*lines, line.rstrip()]


def painted(text: str, colour: str | None) -> str:
    """Return `text` in a colour of `COLOURS`, or as it is where there are no colours."""
    if colour is None or not text.strip() or not has_colours():
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def status_colour(status: str) -> str | None:
    """Return the colour of a status; `running on host-3, ...` is running."""
    return STATUS_COLOURS.get(status.split(" ", 1)[0])


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").casefold() in ("dumb", "unknown")
