"""The actor that runs jobs on a node of a Ray cluster, one after the other, each in a process of its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from sweepboard.execution.executor import Payload, Resources
from sweepboard.execution.local import LocalExecutor
from sweepboard.execution.wire import obey, plain_event


class JobActor:
    """A job at a time, forked from a server that has imported what jobs need.

    Ray itself neither starts nor stops the job's process: it knows no exit codes, and its workers have
    handlers of signals and a number of threads that are Ray's own.
    """

    def __init__(self, folder: str, path: Sequence[str], preload: Sequence[str], grace: float) -> None:
        os.chdir(folder)
        sys.path[:] = [*path, *(each for each in sys.path if each not in path)]  # the driver's, in its order
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's, and not the user's
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ""  # what Ray has assigned
        resources = Resources(1, gpus=tuple(filter(None, visible.split(","))), jobs=1)
        self._executor = LocalExecutor(resources, preload, grace, detached=True)
        self._executor.open()

    def exchange(self, commands: Sequence[Payload], patience: float) -> list[Payload]:
        """Carry out commands for the job. Return its events, or nothing after so many seconds without one."""
        for command in commands:
            obey(self._executor, command)
        until = time.monotonic() + patience
        self._executor.wait = patience
        events = self._executor.poll()
        while not events and time.monotonic() < until:
            events = self._executor.poll()
        return [plain_event(event) for event in events]
