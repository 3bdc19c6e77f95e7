"""Identify a process across hosts, containers and reboots, and tell whether it still lives."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessIdentity:
    """A process. Host names repeat, and a pid counts only in its namespace on its booted system."""

    pid: int = 0
    process_started: float | None = None
    """When it started, to recognise a reused pid."""

    host: str = ""
    boot: str = ""
    """The id of the boot of its system; empty where the system has none."""

    pid_namespace: str = ""

    @classmethod
    def current(cls) -> ProcessIdentity:
        """Return that of this process."""
        pid = os.getpid()
        return cls(pid, process_started(pid), socket.gethostname(), _boot(), _pid_namespace())

    @property
    def lives(self) -> bool | None:
        """Whether it lives; None where that cannot be seen from here, on another host or in a container."""
        if (self.host, self.boot, self.pid_namespace) != (socket.gethostname(), _boot(), _pid_namespace()):
            return None
        started = process_started(self.pid)
        return started is not None and self.process_started in (None, started)

    @property
    def host_restarted(self) -> bool:
        """Whether the host of this name has been started again since."""
        return self.host == socket.gethostname() and "" != self.boot != _boot() != ""


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def process_started(pid: int) -> float | None:
    """Return when process `pid` of this host started (clock ticks since boot), or None if there is none.

    Only Linux gives the time; other systems return 0.0 for a living process.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The second field is the program's name in parentheses and may hold blanks: count after it.
            rest = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if rest[0] == "Z" else float(rest[19])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0.0
