"""Private names of Python's standard library. Read from Python 3.10 to 3.14."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return all flags of `parser`. When the table goes, keep a list at each `add_argument`."""
    return list(parser._option_string_actions)


def on_unsendable(call: Callable[[Exception, Any], None]) -> None:
    """Call `call` with the error of an object that a queue cannot pickle, which Python would print.

    When the hook goes, such objects are lost silently: pickle them before they are put into a queue.
    """
    from multiprocessing.queues import Queue  # here: `--help` imports this file for another function

    Queue._on_queue_feeder_error = staticmethod(call)  # type: ignore[attr-defined]
