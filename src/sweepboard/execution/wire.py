"""Write the events and commands of an executor as JSON, for one that works in another process."""

from __future__ import annotations

from dataclasses import asdict

from sweepboard.execution.executor import Ended, Event, Executor, Job, Message, Payload, Requeued, Started

_EVENTS = {kind.__name__: kind for kind in (Started, Message, Requeued, Ended)}


def plain_event(event: Event) -> Payload:
    """Return an event as JSON, which `event_of` reads."""
    return {"event": type(event).__name__, **vars(event)}


def event_of(plain: Payload) -> Event:
    """Return the event that `plain_event` has written."""
    values = dict(plain)
    event: Event = _EVENTS[values.pop("event")](**values)
    return event


def submission(job: Job) -> Payload:
    """Return the command that submits a job."""
    return {"submit": asdict(job)}


def obey(executor: Executor, command: Payload) -> None:
    """Carry out a command: `submission`, `{"tell": …, "payload": …}`, `{"stop": …, "reason": …}`."""
    match command:
        case {"submit": job}:
            executor.submit(Job(**job))
        case {"tell": name, "payload": payload}:
            executor.tell(name, payload)
        case {"stop": name, "reason": reason}:
            executor.stop(name, reason)
