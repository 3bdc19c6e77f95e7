"""Private names of Python's own library. Read from Python 3.10 to 3.14."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from multiprocessing.queues import Queue
from typing import Any


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return all flags of `parser`. When the table goes, keep a list beside each `add_argument`."""
    return list(parser._option_string_actions)


def on_unsendable(call: Callable[[Exception, Any], None]) -> None:
    """Have `call` told of what any queue of this process cannot send, instead of it being printed.

    When the hook goes, what a queue cannot send is lost without a word: pickle it before it is put there.
    """
    Queue._on_queue_feeder_error = staticmethod(call)  # type: ignore[attr-defined]
