"""Control a job server process and the jobs that run there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sweepboard.errors import UserError
from sweepboard.execution.channel import Channel
from sweepboard.execution.executor import Payload
from sweepboard.import_path import python
from sweepboard.stop_signals import waiting_in_children


class JobServer:
    """A process of `server_process`, which ends with this process and ends its jobs.

    Jobs have numbers. Reports on them arrive through `channel`. A `detached` server is no child of this
    process: a worker of Ray kills its children at its end, and a server could not end its jobs.
    """

    def __init__(self, preload: Sequence[str] = (), detached: bool = False) -> None:
        if not hasattr(os, "fork"):
            raise UserError("hydra/launcher=local needs a system with fork: use hydra/launcher=basic")
        self.channel, theirs = Channel.pair()
        with theirs, waiting_in_children():
            self._process = new_process(theirs.fileno(), detached)
        self._used = False
        self._preloaded: set[str] = set()
        self.preload(preload)

    def preload(self, names: Sequence[str]) -> None:
        """Import modules and call functions ("module:name") once, for all jobs that start later."""
        new = [name for name in names if name not in self._preloaded]
        self._preloaded |= {*new}
        self.channel.send({"preload": new})

    def start(
        self, number: int, function: str, arguments: Mapping[str, Any], environment: Mapping[str, str]
    ) -> Channel:
        """Run `function` ("module:name") in a new process. Return the channel to it.

        It is called with `arguments` (any JSON value) and its end of the channel.
        """
        self._used = True
        mine, theirs = Channel.pair()
        request: Payload = {"start": number, "function": function}
        request |= {"arguments": dict(arguments), "environment": dict(environment)}
        with theirs:
            self.channel.send(request, theirs.fileno())
        return mine

    def signal(self, number: int, signum: int) -> None:
        """Send a signal to a job's process, unless it has ended."""
        self.channel.send({"signal": number, "number": int(signum)})

    def kill(self, number: int) -> None:
        """Kill a job's process and all processes that it started."""
        self.channel.send({"kill": number})

    def close(self) -> None:
        """End the server and kill the jobs that still run."""
        self.channel.close()
        if not self._used:
            self._process.kill()  # it may still be importing
        self._process.wait()


def new_process(handle: int, detached: bool) -> subprocess.Popen[bytes]:
    """Start a server for the socket `handle`."""
    start = "import os; os.fork() and os._exit(0); "
    if not detached:
        start = f"from sweepboard.parent_death import die_with; die_with({os.getpid()}); "
    start += f"from sweepboard.execution.local.server_process import serve; serve({handle})"
    # A session of its own: Ctrl-C and a closed terminal reach this process, which stops the jobs.
    return subprocess.Popen(
        python(start), pass_fds=[handle], stdin=subprocess.DEVNULL, start_new_session=True
    )


_prestarted: list[JobServer] = []


@contextmanager
def prestarted_server(preload: Sequence[str]) -> Iterator[None]:
    """Start a job server for the first executor of the block; both processes import in parallel."""
    _prestarted.append(JobServer(preload))
    try:
        yield
    finally:
        while _prestarted:
            _prestarted.pop().close()


def job_server(preload: Sequence[str], detached: bool = False) -> JobServer:
    """Return the prestarted server, or a new one, with everything in `preload` loaded."""
    server = _prestarted.pop() if _prestarted else JobServer(detached=detached)
    server.preload(preload)
    return server
