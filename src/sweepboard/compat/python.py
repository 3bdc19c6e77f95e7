"""Private names of Python's standard library. Read from Python 3.10 to 3.14."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return all flags of `parser`. When the table goes, keep a list at each `add_argument`."""
    return list(parser._option_string_actions)


def arguments_of_any_number(parser: argparse.ArgumentParser) -> set[str]:
    """Return the names of arguments of `parser` of which there may be none.

    Intermixed, argparse names them among those that are missing. When the list goes, keep one of our own.
    """
    return {action.metavar or action.dest for action in parser._actions if action.nargs == "*"}  # type: ignore[misc]


def on_unsendable(call: Callable[[Exception, Any], None]) -> None:
    """Call `call` with the error of an object that a queue cannot pickle, which Python would print.

    When the hook goes, such objects are lost silently: pickle them before they are put into a queue.
    """
    from multiprocessing.queues import Queue  # here: `--help` imports this file for another function

    Queue._on_queue_feeder_error = staticmethod(call)  # type: ignore[attr-defined]
