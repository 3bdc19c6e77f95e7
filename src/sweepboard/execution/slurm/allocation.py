"""What runs in an allocation: the jobs of one task of an array, by the local executor.

It reports their events in a file, and follows what the executor that submitted them writes into another.
After a requeue it is started again, and runs the jobs that have not ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

from sweepboard.execution.executor import Ended, Event, Executor, Job, Message, Payload, Resources, Started
from sweepboard.execution.local import LocalExecutor
from sweepboard.execution.slurm.batch import SECRETS, Batch, Tail, append
from sweepboard.execution.slurm.commands import requeue_this
from sweepboard.execution.slurm.step import as_step
from sweepboard.execution.wire import obey
from sweepboard.hardware import cores, gpus, total_memory

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_UNTIL_THE_END = 60.0
"""Seconds to wait for the end by a requeue that was asked for."""

_SPREADING = 1.0
"""Seconds in which a signal of Slurm's reaches every process of an allocation."""


def main() -> None:
    """Run the task that the command line names: the folder of its array, and its index."""
    Allocation(Batch(Path(sys.argv[1])), int(sys.argv[2])).run()


class Allocation:
    """One attempt of a task."""

    def __init__(self, batch: Batch, task: int) -> None:
        self._events, self._commands = batch.events(task), Tail(batch.commands(task))
        content = batch.read()
        self._preload, self._requeue = content["preload"], content["requeue"]
        self._resources = (content["jobs_per_gpu"], content["grace"])
        secrets = json.loads(os.environ.pop(SECRETS, "{}"))
        ended = {event["ended"] for event in Tail(self._events).poll() if "ended" in event}
        every = [Job(**{**job, "secrets": secrets.get(job["name"], {})}) for job in content["tasks"][task]]
        self._left = {job.name: job for job in every if job.name not in ended}
        self._signum: int | None = None

    def run(self) -> None:
        """Run the jobs that are left until they end or a signal comes."""
        for signum in _SIGNALS:
            signal.signal(signum, self._handle)
        append(self._events, {"began": socket.gethostname()})
        self._obey(None)  # jobs that were taken back while this waited
        jobs_per_gpu, grace = self._resources
        resources = Resources(cores(), total_memory(), self._gpus(), None, jobs_per_gpu)
        with LocalExecutor(resources, self._preload, grace) as executor:
            for job in self._left.values():
                executor.submit(job if job.nodes == 1 else as_step(job, self._files(job)))
            self._watch(executor)
        self._end()

    def _watch(self, executor: Executor) -> None:
        while executor.busy:
            self._report(executor.poll())
            self._obey(executor)
            if self._signum is not None:
                executor.stop_all(signal.Signals(self._signum).name)

    def _handle(self, signum: int, _: FrameType | None) -> None:
        self._signum = self._signum or signum

    def _report(self, events: list[Event]) -> None:
        if self._signum is None and any(map(_is_by_a_signal, events)):
            time.sleep(_SPREADING)  # it may be on its way to this process, too
        if events:
            append(self._events, *map(self._line, events))

    def _line(self, event: Event) -> Payload:
        match event:
            case Started(name=name, gpu=gpu):
                return {"started": name, "gpu": gpu}
            case Message(name=name, payload=payload):
                return {"message": name, "payload": payload}
            case Ended(name=name, code=code, stop_reason=reason) if self._signum is None or code == 0:
                del self._left[name]
                return {"ended": name, "code": code, "stop_reason": reason}
        why = signal.Signals(self._signum or signal.SIGTERM).name
        return {"put_back": event.name, "why": why}  # stopped with the allocation: it goes on in the next one

    def _obey(self, executor: Executor | None) -> None:
        for command in self._commands.poll():
            if executor is None:
                self._left.pop(command.get("stop", ""), None)
            else:
                obey(executor, command)

    def _end(self) -> None:
        if self._signum is None:
            append(self._events, {"done": True})
        elif self._requeue and self._signum != signal.SIGTERM and requeue_this():
            time.sleep(_UNTIL_THE_END)

    def _files(self, job: Job) -> Path:
        return self._events.with_suffix(f".{list(self._left).index(job.name)}")

    def _gpus(self) -> tuple[str, ...]:
        """Return the GPUs of the allocation, which Slurm names: torch need not be imported to count them."""
        if not any(job.gpu for job in self._left.values()):
            return ()
        given = os.environ.get("CUDA_VISIBLE_DEVICES", "") if "SLURM_JOB_ID" in os.environ else ""
        return tuple(name for name in given.split(",") if name) or tuple(gpus())


def _is_by_a_signal(event: Event) -> bool:
    """Return whether a job has ended by SIGTERM, which nobody here has sent."""
    ended_so = (-signal.SIGTERM, 128 + signal.SIGTERM)
    return isinstance(event, Ended) and event.stop_reason is None and event.code in ended_so
