"""Keep actors on a Ray cluster and give them jobs, in the order in which they were submitted."""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from sweepboard.execution.channel import Channel
from sweepboard.execution.executor import LOST, Ended, Event, Job, Payload
from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.execution.ray.job_actor import JobActor
from sweepboard.execution.wire import event_of, plain_event, submission

MOST_PENDING = 16
"""The most actors that wait for room on the cluster, for which Ray (or its autoscaler) looks."""

IDLE = 3.0
"""Seconds after which an actor without a job gives its room back: the next job is often submitted at once."""

SOON, LATE = 0.02, 0.5
"""Seconds that an actor waits for an event of its job: short after one, which may be answered."""


@dataclass(eq=False)
class Slot:
    """An actor, and the job that it runs."""

    share: dict[str, float]
    actor: Any
    call: Any = None
    """The exchange that has not returned yet."""

    up: bool = False
    """Whether Ray has started it."""

    job: Job | None = None
    started: bool = False
    stop_reason: str | None = None
    commands: list[Payload] = field(default_factory=list)
    patience: float = SOON
    idle_since: float = field(default_factory=time.monotonic)


class RaySlots:
    """The actors of one executor.

    `begin` has the jobs' folder, what they `preload`, and their `grace`; `nodes` are what each node has.
    """

    def __init__(
        self, parent: Channel, cluster: RayCluster, begin: Payload, nodes: Sequence[dict[str, float]]
    ) -> None:
        self._parent, self._cluster, self._begin = parent, cluster, begin
        self._waiting: list[Job] = []
        self._slots: list[Slot] = []
        self._cpus = max((node.get("CPU", 0) for node in nodes), default=0)  # of a node
        self._lost_in_a_row = 0  # actors that were lost before they ran anything
        self._done = socket.socketpair()  # wakes the loop when a call has returned
        for end in self._done:
            end.setblocking(False)

    def run(self, commands: Sequence[Payload]) -> None:
        """Carry out the parent's commands until it is gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._parent, selectors.EVENT_READ)
            selector.register(self._done[0], selectors.EVENT_READ)
            while not self._parent.ended:
                for command in commands:
                    self._obey(command)
                self._take_results()
                self._fill()
                self._exchange()
                selector.select(IDLE)
                with suppress(BlockingIOError):
                    self._done[0].recv(4096)
                commands = self._parent.poll()
        for slot in [*self._slots]:
            self._remove(slot)

    def _obey(self, command: Payload) -> None:
        match command:
            case {"submit": job}:
                self._waiting.append(Job(**job))
            case {"room": job}:
                self._parent.send({"room": self._has_room(self._share(Job(**job)))})
            case {"tell": name}:
                self._pass_on(name, command)
            case {"stop": name, "reason": reason}:
                self._stop(name, reason, command)

    def _stop(self, name: str, reason: str, command: Payload) -> None:
        for job in [job for job in self._waiting if job.name == name]:
            self._waiting.remove(job)
            self._parent.send({"dropped": name})
        for slot in self._pass_on(name, command):
            slot.stop_reason = slot.stop_reason or reason

    def _pass_on(self, name: str, command: Payload) -> list[Slot]:
        running = [slot for slot in self._slots if slot.job is not None and slot.job.name == name]
        for slot in running:
            slot.commands.append(command)
        return running

    def _has_room(self, share: dict[str, float]) -> bool:
        """Return whether a job would start at once. What Ray counts as used is a moment late."""
        if self._waiting:
            return False
        if any(slot.up and slot.job is None and slot.share == share for slot in self._slots):
            return True
        if any(not slot.up for slot in self._slots) or self._is_full():
            return False
        total, free = ray.cluster_resources(), ray.available_resources()
        for name, amount in share.items():
            own = sum(slot.share.get(name, 0) for slot in self._slots)
            if min(total.get(name, 0) - own, free.get(name, 0)) < amount:
                return False
        return True

    def _share(self, job: Job) -> dict[str, float]:
        """Return what a job takes; some node must have its CPUs, or it would wait for ever."""
        return self._cluster.share(job, self._cpus)

    def _is_full(self) -> bool:
        return self._cluster.at_once is not None and len(self._slots) >= self._cluster.at_once

    def _fill(self) -> None:
        """Give waiting jobs to free actors, and have as many more actors as jobs wait."""
        for slot in [slot for slot in self._slots if slot.up and slot.job is None]:
            fitting = (job for job in self._waiting if self._share(job) == slot.share)
            if job := next(fitting, None):
                self._waiting.remove(job)
                self._give(slot, job)
        wanted = [self._share(job) for job in self._waiting[:MOST_PENDING]]
        for slot in [slot for slot in self._slots if slot.job is None]:
            if not slot.up and slot.share in wanted:
                wanted.remove(slot.share)
            elif not slot.up or wanted or time.monotonic() > slot.idle_since + IDLE:
                self._remove(slot)
        for share in wanted:
            if not self._is_full():
                self._slots.append(self._new_slot(share))

    def _give(self, slot: Slot, job: Job) -> None:
        slot.job, slot.started, slot.stop_reason = job, False, None
        slot.commands, slot.patience = [submission(job)], LATE

    def _new_slot(self, share: dict[str, float]) -> Slot:
        options: dict[str, Any] = {"num_cpus": share.get("CPU", 0), "num_gpus": share.get("GPU", 0)}
        options |= {"memory": share["memory"]} if "memory" in share else {}
        rest = {name: amount for name, amount in share.items() if name not in ("CPU", "GPU", "memory")}
        made = ray.remote(JobActor).options(max_restarts=0, max_task_retries=0, resources=rest, **options)
        actor = made.remote(str(Path.cwd()), sys.path, self._begin["preload"], self._begin["grace"])
        return self._call(Slot(share, actor))

    def _remove(self, slot: Slot) -> None:
        self._slots.remove(slot)
        with suppress(RayError):
            ray.kill(slot.actor)

    def _exchange(self) -> None:
        for slot in self._slots:
            if slot.call is None and slot.job is not None:
                self._call(slot)

    def _call(self, slot: Slot) -> Slot:
        patience = slot.patience if slot.job is not None else 0
        slot.call, slot.commands = slot.actor.exchange.remote(slot.commands, patience), []
        slot.call.future().add_done_callback(lambda _: self._wake())
        return slot

    def _wake(self) -> None:
        with suppress(OSError):  # full: it is awake
            self._done[1].send(b".")

    def _take_results(self) -> None:
        calls = [slot.call for slot in self._slots if slot.call is not None]
        if not calls:
            return
        returned, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
        for slot in [slot for slot in self._slots if slot.call in returned]:
            self._take(slot)

    def _take(self, slot: Slot) -> None:
        call, slot.call = slot.call, None
        try:
            events = [event_of(plain) for plain in ray.get(call)]
        except RayError as error:
            self._lose(slot, error)
            return
        slot.up, slot.idle_since = True, time.monotonic()
        slot.patience = SOON if events else min(LATE, 2 * slot.patience)
        for event in events:
            self._report(slot, event)

    def _report(self, slot: Slot, event: Event) -> None:
        self._parent.send(plain_event(event))
        slot.started, self._lost_in_a_row = True, 0
        if isinstance(event, Ended):
            slot.job, slot.commands = None, []

    def _lose(self, slot: Slot, error: RayError) -> None:
        """Report that a job has ended with its actor. A job that had not started waits again, once."""
        self._remove(slot)
        if slot.started and slot.job is not None:
            ended = Ended(slot.job.name, None, slot.stop_reason or LOST)
            self._parent.send(plain_event(ended))
            return
        self._waiting[:0] = [slot.job] if slot.job is not None else []
        self._lost_in_a_row += 1
        if self._lost_in_a_row > 1:
            self._parent.send({"broken": str(error).strip().splitlines()[-1]})
