"""A Slurm of two nodes on this host for tests: started once per session, and ended with it.

`python -m tests.slurm COMMAND ...` runs another command with such a Slurm.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from sweepboard.process_identity import process_started

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")

_CONFIG = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
KillWait=30
MinJobAge=300
JobRequeue=1
GresTypes=gpu
NodeName=DEFAULT CPUs=4 RealMemory=4000 Gres=gpu:2 State=UNKNOWN
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]}
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]}
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""

_GPUS = """\
NodeName=n1 Name=gpu File=/dev/null,/dev/zero
NodeName=n2 Name=gpu File=/dev/null,/dev/zero
"""


def why_not() -> str | None:
    """Why there can be no Slurm here, or None."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (apt-get install slurmctld slurmd slurm-client munge)"
    return None if os.getuid() == 0 else "its daemons must be started by root"


@dataclass(frozen=True)
class Slurm:
    """A running cluster; `SLURM_CONF` names it."""

    root: Path

    def run(self, *words: str) -> str:
        """Run one of its commands."""
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    def states(self) -> dict[str, str]:
        """The state of each task by its name."""
        told = self.run("squeue", "-h", "--array", "--states=all", "--format=%F_%K %T")
        return dict(line.split() for line in told.splitlines())

    def requeue(self, task: str) -> None:
        """Requeue a task, as preemption does, and let it start at once."""
        self.run("scontrol", "requeue", task)
        self.hurry(task)

    def hurry(self, task: str) -> None:
        """Let a requeued task start at once: Slurm would wait two minutes."""
        wait_for(lambda: self.states().get(task) == "PENDING", f"{task} to wait")
        self.start_now(task)

    def start_now(self, task: str) -> None:
        """Let a task that waits not wait for a time; nothing happens to others."""
        subprocess.run(["scontrol", "update", f"JobId={task}", "StartTime=now"], check=False, timeout=60)

    def cancel_all(self) -> None:
        """End every task, and wait for their ends."""
        subprocess.run(["scancel", "--user=root"], check=False, timeout=60)
        wait_for(lambda: not self.active(), "all tasks to end")

    def active(self) -> list[str]:
        """The names of the tasks that have not ended."""
        going = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED")
        return [name for name, state in self.states().items() if state in going]


def wait_for(done: object, what: str, seconds: float = 120.0) -> None:
    """Wait until the function returns something true."""
    assert callable(done)
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


@contextmanager
def cluster() -> Iterator[Slurm]:
    """Start the daemons, and end them and all that they have started."""
    with ExitStack() as ends, pytest.MonkeyPatch.context() as patch:
        root = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # a short path, for its sockets
        ends.callback(shutil.rmtree, root, ignore_errors=True)
        _write(root)
        patch.setenv("SLURM_CONF", str(root / "slurm.conf"))
        ends.callback(_end, root)
        _start(root)
        yield Slurm(root)
        subprocess.run(["scancel", "--user=root", "--signal=KILL", "--full"], check=False, timeout=60)
        subprocess.run(["scancel", "--user=root"], check=False, timeout=60)


def _write(root: Path) -> None:
    for name in ("state", "log", "spool-n1", "spool-n2"):
        (root / name).mkdir()
    key = root / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    (root / "slurm.conf").write_text(_CONFIG.format(root=root, ports=_free_ports(3)))
    (root / "gres.conf").write_text(_GPUS)


def _free_ports(number: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _start(root: Path) -> None:
    config = str(root / "slurm.conf")
    for words in (
        ["munged", "--force", f"--key-file={root}/munge.key", f"--socket={root}/munge.socket",
         f"--pid-file={root}/munged.pid", f"--log-file={root}/log/munged.log",
         f"--seed-file={root}/munge.seed",
         "--num-threads=2"],
        ["slurmctld", "-c", "-f", config],
        ["slurmd", "-c", "-N", "n1", "-f", config],
        ["slurmd", "-c", "-N", "n2", "-f", config],
    ):  # fmt: skip
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    wait_for(lambda: _idle() == 2, "two idle nodes", 60)


def _idle() -> int:
    told = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], capture_output=True, text=True, check=False)
    return told.stdout.split().count("idle")


def _end(root: Path) -> None:
    """End the daemons by their pid files, those of the nodes first."""
    for name in ("slurmd-n1", "slurmd-n2", "slurmctld", "munged"):
        with suppress(OSError, ValueError):
            pid = int((root / f"{name}.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            with suppress(AssertionError):
                wait_for(lambda pid=pid: process_started(pid) is None, name, 10)


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # after the cluster has ended
    with cluster():
        sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
