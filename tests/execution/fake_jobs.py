"""Functions that tests run as jobs: each does one thing that a real job may do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sweepboard.execution.channel import Channel

Arguments = dict[str, Any]


def say(arguments: Arguments, channel: Channel) -> None:
    """Tell the parent who runs it, and where."""
    channel.send(
        {
            "said": arguments.get("words"),
            "pid": os.getpid(),
            "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "torch": "torch" in sys.modules,
        }
    )


def leave(arguments: Arguments, channel: Channel) -> None:
    """End by `sys.exit`."""
    sys.exit(arguments["code"])


def fail(arguments: Arguments, channel: Channel) -> None:
    """Raise what nobody expects."""
    raise RuntimeError("a bug")


def die(arguments: Arguments, channel: Channel) -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def eat(arguments: Arguments, channel: Channel) -> None:
    """Use so many bytes for a moment."""
    block = bytearray(arguments["bytes"])
    block[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(block[:: os.sysconf("SC_PAGE_SIZE")])
    time.sleep(0.2)


def hang(arguments: Arguments, channel: Channel) -> None:
    """Go on until asked to stop by SIGTERM (or not even then), with a process of its own beside it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    if arguments.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    channel.send({"pids": [os.getpid(), child.pid]})
    if "file" in arguments:
        Path(arguments["file"]).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)


def listen(arguments: Arguments, channel: Channel) -> None:
    """Wait for a message and send it back."""
    channel.send({"ready": True})
    [message] = channel.receive()
    channel.send({"heard": message})


def share(arguments: Arguments, channel: Channel) -> None:
    """Note that one runs, wait until as many as wanted run at once, and leave."""
    folder = Path(arguments["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < arguments["together"]:
        time.sleep(0.01)
