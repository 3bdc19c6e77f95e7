"""The sweep's handle on its job server and on the jobs that run there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sweepboard.sweeps.channel import Channel, Message

PRELOADED = ("torch._dynamo", "sweepboard.sweeps.job:warm_up")
"""Modules that every job imports (any optimizer imports torch._dynamo), and functions to be called once for
all jobs: together 4 seconds."""


class JobServer:
    """A process of `sweepboard.sweeps.server`; its jobs die with it, and it with this process.

    Jobs go by a number. What is told of them comes by `channel`.
    """

    def __init__(self, preloaded: Sequence[str] = PRELOADED) -> None:
        self.channel, theirs = Channel.pair()
        start = f"import sys; sys.path[:] = {sys.path!r}; "
        start += f"from sweepboard.sweeps.server import serve; serve({theirs.fileno()})"
        with theirs:
            # Its own session: Ctrl-C and a closed terminal reach this process, which tells the jobs.
            self._process = subprocess.Popen(
                [sys.executable, "-c", start],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
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
        self._process.wait()
