"""Run jobs in processes, local or remote: the `Executor` contract and its backends."""

from sweepboard.execution.executor import (
    LOST,
    TIME_LIMIT,
    Ended,
    Event,
    Executor,
    Job,
    JobChannel,
    Message,
    Payload,
    Requeued,
    Resources,
    Started,
)
from sweepboard.execution.local import LocalExecutor, local_resources, prestarted_server

__all__ = [
    "Ended",
    "Event",
    "Executor",
    "Job",
    "JobChannel",
    "LOST",
    "LocalExecutor",
    "Message",
    "Payload",
    "Requeued",
    "Resources",
    "Started",
    "TIME_LIMIT",
    "local_resources",
    "prestarted_server",
]
