"""The sweep's handle on its job server and on the jobs that run there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sweepboard.errors import UserError
from sweepboard.execution.channel import Channel, Message
from sweepboard.import_path import python

PRELOADED = (
    "sweepboard.sweeps.job_main:warm_up",
    # What numpy, PIL and torch import only when they are used, as every run does.
    *("numpy.random", "PIL.PngImagePlugin"),
    *("torch.nested._internal.nested_tensor", "torch.utils.serialization.config"),
)
"""What every job needs: modules to be imported, and functions to be called, once for all jobs."""

HEAVY = ("torchvision", "torch._dynamo", "timm")
"""Modules that take a second to import. Where planning needed one, so do the jobs."""


class JobServer:
    """A process of `sweepboard.execution.server`; its jobs die with it, and it with this process.

    Jobs go by a number. What is told of them comes by `channel`.
    """

    def __init__(self, preloaded: Sequence[str] = PRELOADED) -> None:
        if not hasattr(os, "fork"):
            raise UserError("hydra/launcher=local needs a system with fork: use hydra/launcher=basic")
        self.channel, theirs = Channel.pair()
        start = f"from sweepboard.execution.parent import die_with; die_with({os.getpid()}); "
        start += f"from sweepboard.execution.server import serve; serve({theirs.fileno()})"
        with theirs:
            # Its own session: Ctrl-C and a closed terminal reach this process, which tells the jobs.
            self._process = subprocess.Popen(
                python(start),
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._used = False
        self.preload(preloaded)

    def preload(self, modules: Sequence[str]) -> None:
        """Have modules imported, and functions ("module:name") called, once for all jobs that start later."""
        self.channel.send({"preload": list(modules)})

    def start(
        self, number: int, function: str, arguments: Mapping[str, Any], environment: Mapping[str, str]
    ) -> Channel:
        """Run `function` ("module:name") in a fresh process; returns the channel to it.

        It is called with `arguments` (whatever JSON can say) and its end of the channel.
        """
        self._used = True
        mine, theirs = Channel.pair()
        request: Message = {"start": number, "function": function}
        request |= {"arguments": dict(arguments), "environment": dict(environment)}
        with theirs:
            self.channel.send(request, theirs.fileno())
        return mine

    def signal(self, number: int, signum: int) -> None:
        """Send a signal to a job's process, unless it has ended."""
        self.channel.send({"signal": number, "number": int(signum)})

    def kill(self, number: int) -> None:
        """Kill a job's process and all that it started."""
        self.channel.send({"kill": number})

    def close(self) -> None:
        """End the server; jobs that still run are killed."""
        self.channel.close()
        if not self._used:
            self._process.kill()  # it may still be importing
        self._process.wait()


_spare: list[JobServer] = []


@contextmanager
def prestarted_server() -> Iterator[None]:
    """Start a job server now, for the first pool of the block: it imports torch while this process does."""
    _spare.append(JobServer())
    try:
        yield
    finally:
        while _spare:
            _spare.pop().close()


def job_server(preloaded: Sequence[str] = PRELOADED) -> JobServer:
    """The spare server, or a new one."""
    if preloaded != PRELOADED:
        return JobServer(preloaded)
    server = _spare.pop() if _spare else JobServer()
    server.preload([module for module in HEAVY if module in sys.modules])
    return server
