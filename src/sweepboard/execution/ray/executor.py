"""The executor whose jobs run on a Ray cluster, through a driver process of its own."""

from __future__ import annotations

import math
import selectors
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from sweepboard.errors import ConfigError, RunFailed, reason
from sweepboard.execution.channel import Channel
from sweepboard.execution.executor import Ended, Event, Executor, Job, Payload, Resources
from sweepboard.execution.local import GRACE
from sweepboard.execution.ray.capacity import refuse_too_large
from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.execution.wire import event_of, submission
from sweepboard.import_path import python
from sweepboard.settings import LAUNCHER
from sweepboard.stop_signals import waiting_in_children

CONNECTS = 60.0
"""Seconds that a cluster has to answer."""

WAIT = 0.2
"""The longest wait of `poll`, in seconds."""

_BROKEN = "no job can run on Ray: "

_LAST_LINES = 2000
"""How many bytes of the driver's output are shown when it has ended."""


class RayExecutor(Executor):
    """Run jobs on a Ray cluster, each in a process of its own.

    `preload` and `grace` are those of `LocalExecutor`, which runs the jobs on their nodes.
    """

    def __init__(self, cluster: RayCluster, preload: Sequence[str] = (), grace: float = GRACE) -> None:
        self._cluster = cluster
        self._begin = {"cluster": asdict(cluster), "preload": [*preload], "grace": grace}
        self._names: set[str] = set()
        self._events: list[Event] = []
        self._room: bool | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._nodes: list[dict[str, float]] | None = None

    def resources(self) -> Resources:
        """Return the resources of one job: how many run at once is Ray's decision."""
        gpus = tuple(map(str, range(math.ceil(self._cluster.gpus))))
        return Resources(max(1, int(self._cluster.cpus or 1)), gpus=gpus, jobs=1, here=False)

    def check(self, jobs: Sequence[Job]) -> None:
        """Connect to the cluster. Raise `ConfigError` if that fails, or if no machine has room for a job."""
        if not self._cluster.gpus and any(job.gpu for job in jobs):
            raise ConfigError(f"{LAUNCHER}.gpus=0: the jobs compute on a GPU (device=cuda): give them one")
        if self._cluster.address is not None:
            self._connect_for_certain()
        refuse_too_large(self._cluster, jobs, self._nodes)

    def _connect_for_certain(self) -> None:
        self._connect()
        deadline = time.monotonic() + CONNECTS
        try:
            while self._nodes is None:
                self._receive(max(0.0, deadline - time.monotonic()))
        except RunFailed as error:
            self.close()
            raise ConfigError(
                f"{LAUNCHER}.address={self._cluster.address}: {reason(error).removeprefix(_BROKEN)}; "
                f"{LAUNCHER}.address=null starts a Ray on this machine"
            ) from error

    def open(self) -> None:
        if self._process is None:
            self._connect()

    def _connect(self) -> None:
        self._channel, theirs = Channel.pair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - until `close`
        start = f"from sweepboard.execution.ray.driver_process import serve; serve({theirs.fileno()})"
        with theirs, waiting_in_children():
            # A session of its own: Ctrl-C and a closed terminal reach this process, which stops the jobs.
            self._process = subprocess.Popen(
                python(start),
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
                stdout=self._output, stderr=self._output,
            )  # fmt: skip
        self._channel.send(self._begin)

    def close(self) -> None:
        self._channel.close()
        if self._process is not None:
            self._process.wait()
        self._process = self._nodes = None
        self._output.close()

    def submit(self, job: Job) -> None:
        self._names.add(job.name)
        self._channel.send(submission(job))

    def has_room(self, job: Job) -> bool:
        self._room = None
        self._channel.send({"room": asdict(job)})
        while self._room is None:
            self._receive()
        return self._room

    @property
    def busy(self) -> bool:
        return bool(self._names)

    def tell(self, name: str, payload: Payload) -> None:
        self._channel.send({"tell": name, "payload": payload})

    def stop(self, name: str, reason: str) -> None:
        self._channel.send({"stop": name, "reason": reason})

    def stop_all(self, reason: str) -> None:
        for name in self._names:
            self.stop(name, reason)

    def poll(self) -> list[Event]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            if not self._events and selector.select(WAIT):
                self._receive()
        events, self._events = self._events, []
        return events

    def _receive(self, patience: float | None = None) -> None:
        """Wait for reports of the driver. Raise `RunFailed` if it has ended, or says nothing for so long."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            if not selector.select(patience):
                raise RunFailed("no Ray answers there")
        for report in self._channel.receive():
            self._take(report)
        if self._channel.ended:
            raise RunFailed(f"the connection to Ray was lost: {self._last_lines()}")

    def _take(self, report: dict[str, Any]) -> None:
        match report:
            case {"event": _}:
                event = event_of(report)
                self._events.append(event)
                if isinstance(event, Ended):
                    self._names.discard(event.name)
            case {"room": room}:
                self._room = room
            case {"nodes": nodes}:
                self._nodes = nodes
            case {"dropped": name}:
                self._names.discard(name)
            case {"broken": why}:
                raise RunFailed(f"{_BROKEN}{why}")

    def _last_lines(self) -> str:
        with suppress(OSError):
            size = self._output.seek(0, 2)
            self._output.seek(max(0, size - _LAST_LINES))
        return self._output.read().decode(errors="replace").strip()
