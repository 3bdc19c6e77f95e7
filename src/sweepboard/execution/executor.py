"""The contract between the code that submits jobs and the backend that runs them.

It knows nothing of experiments: a job is a function that runs in its own process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeAlias, TypeVar

Payload: TypeAlias = dict[str, Any]
"""The content of a message: any JSON object."""

TIME_LIMIT, LOST = "time limit", "lost"
"""Values of `Ended.stop_reason` set by the executor: the job exceeded its `time_limit`, or the executor lost
the process that controlled it before anything else stopped it."""


@dataclass(frozen=True)
class Job:
    """A function to run in its own process."""

    name: str
    """Unique among waiting and running jobs."""

    function: str
    """`module:name`; called with `arguments` and the job's `JobChannel`."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Any JSON object."""

    secrets: Mapping[str, Any] = field(default_factory=dict)
    """More arguments, which the function gets as `arguments["secrets"]`; no backend writes them to a file."""

    cores: int = 1
    """The number of cores it uses."""

    gpu: bool = False
    """Whether it needs a GPU; it sees only those it is assigned."""

    gpus: int = 1
    """How many it needs, if it needs one."""

    nodes: int = 1
    """The number of machines that share its `cores` and `gpus`; several only where the backend says so."""

    time_limit: float | None = None
    """Seconds after its start until it is asked to stop."""

    @property
    def all_arguments(self) -> dict[str, Any]:
        """Everything that the function is called with."""
        return {**self.arguments, "secrets": dict(self.secrets)} if self.secrets else dict(self.arguments)


class JobChannel(Protocol):
    """The job's end of the connection to the process that submitted it."""

    @property
    def ended(self) -> bool:
        """Whether the other end has closed."""

    def send(self, payload: Payload) -> None:
        """Send a message, which arrives as `Message`."""

    def poll(self) -> list[Payload]:
        """Return the messages of `Executor.tell` that have arrived, without waiting."""

    def receive(self) -> list[Payload]:
        """Wait for messages of `Executor.tell`. Check `ended` after an empty list."""


@dataclass(frozen=True)
class Started:
    """A job's process has started; `gpu` is the GPU that it was assigned."""

    name: str
    gpu: str | None = None


@dataclass(frozen=True)
class Message:
    """A job has sent a message."""

    name: str
    payload: Payload


@dataclass(frozen=True)
class Requeued:
    """The backend has put a started job back into its queue: it will start again, and goes on."""

    name: str
    reason: str


@dataclass(frozen=True)
class Ended:
    """A job's process has ended, and so has every process that it started."""

    name: str
    code: int | None
    """Its exit code, the negative number of the signal that killed it, or None for a backend that cannot
    tell."""

    stop_reason: str | None = None
    """Why it was asked to stop: the `reason` given to `stop`, `TIME_LIMIT`, `LOST` or the backend's own."""

    error: str | None = None
    """Why the backend could not run its function at all."""


Event: TypeAlias = Started | Message | Requeued | Ended


@dataclass(frozen=True)
class Resources:
    """The resources that concurrent jobs share, as seen where they run."""

    cores: int
    memory: int | None = None
    """Bytes; None where not known."""

    gpus: tuple[str, ...] = ()
    """Names as CUDA_VISIBLE_DEVICES takes them."""

    jobs: int | None = None
    """Jobs at once; None for as many as have cores (jobs without a GPU) or a GPU."""

    jobs_per_gpu: int = 1

    here: bool = True
    """Whether jobs run on this machine. Elsewhere, the devices are those of `gpus`, not those found here."""

    def at_once(self, jobs: int, gpus: int = 0) -> int:
        """Return how many of `jobs` equal jobs run at once, each of which needs so many GPUs; at least 1."""
        most = jobs if self.jobs is None else min(jobs, self.jobs)
        if gpus and self.gpus:
            most = min(most, len(self.gpus) * self.jobs_per_gpu // gpus)
        return max(1, most)

    def cores_per_job(self, jobs: int, gpus: int = 0) -> int:
        """Return the cores for each of `jobs` equal jobs, if as many as possible run at once."""
        return max(1, self.cores // self.at_once(jobs, gpus))


_Self = TypeVar("_Self", bound="Executor")


class Executor(ABC):
    """Run jobs as its backend has room for them; use it as a context manager.

    The caller submits jobs at any time and calls `poll` repeatedly while `busy`. All methods are called by
    one thread. No job is left running when the block ends. Test your own backend with
    `sweepboard.testing.executors.ExecutorSuite`.
    """

    def __enter__(self: _Self) -> _Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    waits: bool = True
    """Whether the caller waits for the jobs to end; else `busy` is true until they are submitted."""

    folder: Path | None = None
    """For logs, and whatever else the backend needs in files: all hosts share it. It may not exist yet."""

    several_nodes: bool = False
    """Whether a job may need several machines (`Job.nodes`)."""

    @abstractmethod
    def resources(self) -> Resources:
        """Return the resources for jobs. It also works before the block, for planning."""

    def check(self, jobs: Sequence[Job]) -> None:  # noqa: B027 - most need none
        """Raise `UserError` if jobs like these could never run.

        It is called before the block, before anything is written. What it opens, `close` closes.
        """

    @abstractmethod
    def open(self) -> None:
        """Prepare to run jobs."""

    @abstractmethod
    def close(self) -> None:
        """Kill every job that still runs, without a grace time."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Queue a job; it starts as soon as there is room."""

    @abstractmethod
    def has_room(self, job: Job) -> bool:
        """Return whether a job like this one would start at once."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether any submitted job has not ended."""

    @abstractmethod
    def poll(self) -> list[Event]:
        """Return the events since the last call; wait a fraction of a second if there are none.

        The events of a job are `Started` (unless its process could not be created), any number of `Message`,
        and finally one `Ended`. After a `Requeued` comes another `Started`, or the `Ended`.
        """

    @abstractmethod
    def tell(self, name: str, payload: Payload) -> None:
        """Send a message to a running job. Do nothing for a job that has ended."""

    @abstractmethod
    def stop(self, name: str, reason: str) -> None:
        """Ask a job to save and exit (SIGTERM), and kill it after a grace time.

        A waiting job is dropped without an event.
        """

    @abstractmethod
    def stop_all(self, reason: str) -> None:
        """Drop all waiting jobs and `stop` all running ones."""
