"""The run or sweep that a verb is asked for: by its path, or by a short name."""

from __future__ import annotations

import sys
from pathlib import Path

from sweepboard.formatting import printable
from sweepboard.runs.short_names import named_run

RUN = "the run: its folder, last, best, best:METRIC, its number in ls, or how its name begins"


def chosen(text: str, sweeps: bool = False) -> str:
    """Return the path of the run that was asked for by its path or a short name, and say what that is.

    With `sweeps`, `last` of a job is its sweep.
    """
    path = str(named_run(text, sweeps=sweeps))
    if path != text and Path(path) != Path(text):
        print(f"{printable(text)}: {printable(path)}", file=sys.stderr)
        return path
    return text
