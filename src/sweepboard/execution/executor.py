"""The contract between whoever has jobs and the backend that runs them.

It knows nothing of experiments: a job is a function in a process of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, TypeAlias, TypeVar

Payload: TypeAlias = dict[str, Any]
"""The content of a message: whatever JSON can say."""

TIME_LIMIT, LOST = "time limit", "lost"
"""Values of `Ended.stop_reason` for the two causes that come from the executor itself: the job took longer
than its `time_limit`, or the executor lost the process that looked after it."""


@dataclass(frozen=True)
class Job:
    """A function to be run in a process of its own."""

    name: str
    """Unique among the jobs that wait or run."""

    function: str
    """`module:name`; called with `arguments` and the job's `JobChannel`."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Whatever JSON can say."""

    cores: int = 1
    """Cores that it keeps busy."""

    gpu: bool = False
    """Whether it computes on a GPU; the one that it is given is then the only one that it sees."""

    time_limit: float | None = None
    """Seconds after its start at which it is asked to stop."""


class JobChannel(Protocol):
    """The job's end of the connection to whoever submitted it."""

    @property
    def ended(self) -> bool:
        """Whether nobody is at the other end any more."""

    def send(self, payload: Payload) -> None:
        """Send a message; it arrives as `Message`."""

    def poll(self) -> list[Payload]:
        """Return what `Executor.tell` has sent so far, without waiting."""

    def receive(self) -> list[Payload]:
        """Wait for what `Executor.tell` sends. It may return none; look at `ended` before the next call."""


@dataclass(frozen=True)
class Started:
    """A job's process has begun; `gpu` is the one that it was given."""

    name: str
    gpu: str | None = None


@dataclass(frozen=True)
class Message:
    """A job has sent a message."""

    name: str
    payload: Payload


@dataclass(frozen=True)
class Ended:
    """A job's process is gone, and so is every process that it started."""

    name: str
    code: int | None
    """Its exit code, the negative number of the signal that killed it, or None for a backend that cannot
    tell."""

    stop_reason: str | None = None
    """Why it was asked to stop: the `reason` given to `stop`, `TIME_LIMIT` or `LOST`."""


Event: TypeAlias = Started | Message | Ended


@dataclass(frozen=True)
class Resources:
    """What jobs that run at the same time share, as seen where they run."""

    cores: int
    memory: int | None = None
    """Bytes; None where not known."""

    gpus: tuple[str, ...] = ()
    """Names as CUDA_VISIBLE_DEVICES takes them."""

    jobs: int | None = None
    """Jobs at once; None for as many as have cores (jobs without a GPU) or a GPU."""

    jobs_per_gpu: int = 1

    def cores_per_job(self, jobs: int, on_gpu: bool) -> int:
        """Return the cores for each of `jobs` equal jobs, of which as many as possible run at once."""
        at_once = jobs
        if self.jobs is not None:
            at_once = min(jobs, self.jobs)
        elif on_gpu:
            at_once = min(jobs, len(self.gpus) * self.jobs_per_gpu)
        return max(1, self.cores // max(1, at_once))


_Self = TypeVar("_Self", bound="Executor")


class Executor(ABC):
    """Runs jobs as its backend has room for them; use it as a context manager.

    The caller submits jobs at any time and calls `poll` again and again while `busy`. All methods are called
    by one thread. When the block ends, in whatever way, no job is left running. A backend of your own passes
    `sweepboard.testing.executors.ExecutorSuite`.
    """

    def __enter__(self: _Self) -> _Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def resources(self) -> Resources:
        """Return what there is for jobs. Works before the block, too: plans are made from it."""

    @abstractmethod
    def open(self) -> None:
        """Get ready to run jobs."""

    @abstractmethod
    def close(self) -> None:
        """End every job that still runs, without grace."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Run a job as soon as there is room."""

    @abstractmethod
    def has_room(self, job: Job) -> bool:
        """Return whether a job like this one would start at once."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether any submitted job has not ended yet."""

    @abstractmethod
    def poll(self) -> list[Event]:
        """Return what has happened since the last call; wait a fraction of a second where nothing has.

        The events of a job are `Started` (unless no process could be made for it), any number of `Message`,
        and one `Ended` as the last.
        """

    @abstractmethod
    def tell(self, name: str, payload: Payload) -> None:
        """Send a message to a running job. Does nothing for a job that has ended."""

    @abstractmethod
    def stop(self, name: str, reason: str) -> None:
        """Ask a job to save and leave (SIGTERM), and kill it if it does not within a grace time.

        A job that still waits is dropped without an event.
        """

    @abstractmethod
    def stop_all(self, reason: str) -> None:
        """Drop all waiting jobs and `stop` all running ones."""
