"""The jobs of `ExecutorSuite`: each does one thing that a real job may do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from sweepboard.execution import JobChannel

Arguments = Mapping[str, Any]


def report(arguments: Arguments, channel: JobChannel) -> None:
    """Send the arguments and the process id."""
    channel.send({"arguments": dict(arguments), "pid": os.getpid()})


def echo(arguments: Arguments, channel: JobChannel) -> None:
    """Send back every message until one says `stop`."""
    channel.send({"ready": True})
    while not channel.ended:
        for payload in channel.receive():
            channel.send({"echo": payload})
            if "stop" in payload:
                return


def count(arguments: Arguments, channel: JobChannel) -> None:
    """Send the numbers below `messages`."""
    for number in range(arguments["messages"]):
        channel.send({"number": number})


def leave(arguments: Arguments, channel: JobChannel) -> None:
    """Exit by `sys.exit`."""
    sys.exit(arguments["code"])


def fail(arguments: Arguments, channel: JobChannel) -> None:
    """Raise an error."""
    raise RuntimeError("a bug")


def die(arguments: Arguments, channel: JobChannel) -> None:
    """Kill its own process."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang(arguments: Arguments, channel: JobChannel) -> None:
    """Run with a child process until SIGTERM; with `deaf`, ignore SIGTERM."""
    if arguments.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    channel.send({"pids": [os.getpid(), child.pid]})
    time.sleep(600)
