"""Run a script from its top to its end as the training function of a run."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweepboard.programs.run import Run

_given: list[tuple[Any, Run]] = []
"""What `sweepboard.script` returns in the script that runs now; empty outside of a run."""


def run_script(file: Path, cfg: Any, run: Run) -> None:
    """Execute a script as Python does, with `cfg` and `run` for its `sweepboard.script()`."""
    _given.append((cfg, run))
    try:
        runpy.run_path(str(file), run_name="__main__")
    except SystemExit as end:  # a script may end so
        if end.code not in (None, 0):
            raise
    finally:
        _given.pop()


def given() -> tuple[Any, Run] | None:
    """Return the configuration and the run of the script that runs now, None outside of a run."""
    return _given[-1] if _given else None
