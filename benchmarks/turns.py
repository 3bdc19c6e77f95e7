"""Arms that take turns of a block of updates: one computes, the others wait.

A shared machine changes within seconds by more than the arms differ. Arms that run side by side and take
turns meet the same changes, as fresh processes all the same.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.arms import Arm, words
from benchmarks.process import CommandFailed, Sample, Started, end, has_ended, start, wait

VARIABLE = "BENCHMARK_TURNS"
"""Holds the path of the socket on which the arms of a round ask for their turns."""


class Turns:
    """The turns of this process; without the variable it need not wait for anybody."""

    def __init__(self) -> None:
        self.path = os.environ.get(VARIABLE)
        self.socket: socket.socket | None = None

    def wait(self) -> float:
        """Let each of the other arms have a turn; returns the seconds that it took."""
        if self.path is None:
            return 0.0
        before = time.perf_counter()
        if self.socket is None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(self.path)
        self.socket.sendall(b".")
        self.socket.recv(1)
        return time.perf_counter() - before


def run_in_turns(arms: Sequence[Arm], turn: int) -> dict[str, Sample]:
    """Run the arms of round `turn` (from 0), of one command each, side by side.

    `wall` is the time of all of them together.
    """
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        path = Path(scratch) / "turns"
        listener.bind(str(path))
        listener.listen()
        started = {arm.name: _start(arm, turn, Path(scratch), {VARIABLE: str(path)}) for arm in arms}
        try:
            _give_turns(_accepted(listener, list(started.values()), stack))
            samples = {name: wait(one) for name, one in started.items()}
        except BaseException:
            end(started.values())
            raise
    wall = max(sample["wall"] for sample in samples.values())
    print(f"  round {turn + 1}: in turns, {wall:.2f} s", file=sys.stderr, flush=True)
    return samples


def _start(arm: Arm, turn: int, scratch: Path, variables: Mapping[str, str]) -> Started:
    folder = scratch / arm.name.replace(" ", "_")
    folder.mkdir()
    (command,) = arm.commands
    return start(words(command, turn), folder, variables)


def _accepted(
    listener: socket.socket, started: Sequence[Started], stack: contextlib.ExitStack
) -> list[socket.socket]:
    """The connections of all arms, once each has made its first block; `stack` closes them."""
    listener.settimeout(0.1)
    connections: list[socket.socket] = []
    while len(connections) < len(started):
        with contextlib.suppress(TimeoutError):
            connections.append(stack.enter_context(listener.accept()[0]))
            continue
        for one in filter(has_ended, started):
            wait(one)
            raise CommandFailed(f"no update was made: {' '.join(one.command)}")
    return [each for each in connections if each.recv(1)]


def _give_turns(connections: list[socket.socket]) -> None:
    """Let one arm after the other make a block until none is left."""
    while connections:
        for each in list(connections):
            if not _had_a_turn(each):
                connections.remove(each)


def _had_a_turn(connection: socket.socket) -> bool:
    """Let an arm make a block; returns False if it has ended instead."""
    try:
        connection.sendall(b".")
        return bool(connection.recv(1))
    except ConnectionError:
        return False
