"""Ask before something is removed."""

from __future__ import annotations

import argparse
import sys

from sweepboard.errors import UserError


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`."""
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def agreed(question: str, options: argparse.Namespace) -> bool:
    """Return whether the user agrees, or has typed `--yes`. Raise `UserError` if nobody can answer."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise UserError(f"{question} nobody is there to answer: add --yes")
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")
