"""Events and commands as JSON: what arrives is what was sent."""

from __future__ import annotations

import json

import pytest

from sweepboard.execution import Ended, Event, Job, LocalExecutor, Message, Requeued, Resources, Started
from sweepboard.execution.wire import event_of, obey, plain_event, submission


@pytest.mark.parametrize(
    "event",
    [
        Started("a", "0,1"),
        Message("a", {"news": {"step": 3}}),
        Requeued("a", "preempted"),
        Ended("a", None, "stopped", "no node"),
    ],
)
def test_an_event_arrives_as_it_was(event: Event) -> None:
    assert event_of(json.loads(json.dumps(plain_event(event)))) == event


def test_a_submitted_job_arrives_with_its_secrets_and_is_dropped_when_stopped() -> None:
    job = Job("a", "module:function", {"x": 1}, {"key": "s"}, cores=2, gpu=True, gpus=3, time_limit=4.0)
    executor = LocalExecutor(Resources(1))
    obey(executor, json.loads(json.dumps(submission(job))))
    assert executor._waiting == [job]
    obey(executor, {"stop": "a", "reason": "enough"})
    assert not executor.busy
