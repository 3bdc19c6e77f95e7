"""The command line. The console script loads this module first, so it imports nothing heavy."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `argv` (default: the process's own) and return the exit code."""
    from sweepboard.cli.dispatch import run_verb

    return run_verb(list(sys.argv[1:] if argv is None else argv))


def command() -> None:
    """Run the console script: the whole process."""
    from sweepboard.cli.exit import run_and_leave

    run_and_leave(main)
