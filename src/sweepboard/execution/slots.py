"""Whether one more job fits beside those that run: cores, GPUs, memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweepboard.hardware import available_memory


@dataclass(frozen=True)
class Use:
    """What a running job takes. `resident` is the memory it has in use now, in bytes."""

    cores: int = 1
    gpu: str | None = None
    resident: int = 0


@dataclass(frozen=True)
class Place:
    """Where a job may run; `gpu` is None for a job that needs none."""

    gpu: str | None = None


@dataclass
class Slots:
    """The room that the jobs of a sweep share."""

    cores: int
    jobs: int | None = None
    """Jobs at once; None for as many as have cores (jobs without a GPU) or a GPU."""

    gpus: Sequence[str] = ()
    """Names as CUDA_VISIBLE_DEVICES takes them."""

    jobs_per_gpu: int = 1
    memory: Callable[[], int | None] = available_memory
    """Tells how many bytes are free."""

    peak: int = 0
    """The most memory that any job of the sweep was seen to use; 0 before the first has ended."""

    def place(self, cores: int, gpu: bool, running: Sequence[Use]) -> Place | None:
        """A place for a job beside those that run, or None. A job that runs alone always has one."""
        if self._too_many(running):
            return None
        place = self._on_a_gpu(running) if gpu and self.gpus else self._on_cores(cores, running)
        if place is None or not running:
            return place
        return None if self._too_large(running) else place  # last: to ask for memory costs most

    def _too_many(self, running: Sequence[Use]) -> bool:
        return self.jobs is not None and len(running) >= self.jobs

    def _too_large(self, running: Sequence[Use]) -> bool:
        """Whether memory would run out when every job comes to the largest peak seen so far."""
        free = self.memory()
        still_to_come = sum(max(0, self.peak - use.resident) for use in running)
        return free is not None and self.peak > 0 and still_to_come + self.peak > free

    def _on_cores(self, cores: int, running: Sequence[Use]) -> Place | None:
        fits = not running or self.jobs is not None or _cores(running) + cores <= self.cores
        return Place() if fits else None

    def _on_a_gpu(self, running: Sequence[Use]) -> Place | None:
        """The GPU with the fewest jobs, where that is fewer than it may have."""
        taken = Counter(use.gpu for use in running)
        gpu = min(self.gpus, key=lambda name: taken[name])
        return Place(gpu) if taken[gpu] < self.jobs_per_gpu else None


def _cores(running: Sequence[Use]) -> int:
    return sum(use.cores for use in running if use.gpu is None)
