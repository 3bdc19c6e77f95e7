"""Decide whether another job fits on this machine: cores, GPUs, memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweepboard.execution.executor import Resources
from sweepboard.hardware import available_memory


@dataclass(frozen=True)
class Use:
    """The resources of a running job; `resident` is its current memory in bytes."""

    cores: int = 1
    gpu: str | None = None
    """Its GPUs, with commas between them."""

    resident: int = 0


@dataclass(frozen=True)
class Place:
    """Where a job may run; `gpu` are its GPUs with commas between them, or None if it needs none."""

    gpu: str | None = None


@dataclass
class Slots:
    """The resources that running jobs share."""

    resources: Resources
    memory: Callable[[], int | None] = available_memory
    """Return the number of free bytes."""

    peak: int = 0
    """The most memory that any ended job has used; 0 before the first has ended."""

    def place(self, cores: int, gpus: int, running: Sequence[Use]) -> Place | None:
        """Return a place for another job of so many cores or GPUs; there is always one if no job runs."""
        if self._too_many(running):
            return None
        place = (
            self._on_gpus(gpus, running) if gpus and self.resources.gpus else self._on_cores(cores, running)
        )
        if place is None or not running:
            return place
        return (
            None if self._too_large(running) else place
        )  # last, because reading memory is the slowest check

    def _too_many(self, running: Sequence[Use]) -> bool:
        return self.resources.jobs is not None and len(running) >= self.resources.jobs

    def _too_large(self, running: Sequence[Use]) -> bool:
        """Return whether memory would run out if every job reached the largest peak seen so far."""
        free = self.memory()
        still_to_come = sum(max(0, self.peak - use.resident) for use in running)
        return free is not None and self.peak > 0 and still_to_come + self.peak > free

    def _on_cores(self, cores: int, running: Sequence[Use]) -> Place | None:
        has_limit = self.resources.jobs is not None
        fits = not running or has_limit or _cores(running) + cores <= self.resources.cores
        return Place() if fits else None

    def _on_gpus(self, count: int, running: Sequence[Use]) -> Place | None:
        """Return the GPUs with the fewest jobs, if they have room."""
        taken = Counter(name for use in running if use.gpu for name in use.gpu.split(","))
        chosen = sorted(self.resources.gpus, key=lambda name: taken[name])[:count]
        has_room = all(taken[name] < self.resources.jobs_per_gpu for name in chosen)
        return Place(",".join(chosen)) if has_room else None


def _cores(running: Sequence[Use]) -> int:
    return sum(use.cores for use in running if use.gpu is None)
