"""Find what an earlier executor has left at Slurm: jobs that wait in its queue or run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sweepboard.execution.slurm import commands
from sweepboard.execution.slurm.batch import Batch
from sweepboard.execution.slurm.task import Task

Queue = Mapping[str, commands.TaskState]


def has_submitted(folder: Path) -> bool:
    """Return whether jobs were ever submitted from `folder`."""
    return bool(Batch.all_in(folder))


def running_tasks(folder: Path, queue: Queue | None = None) -> Iterator[Task]:
    """Yield the tasks submitted from `folder` that have not ended, as they stand.

    Only tasks whose comment names the folder count, and nothing is read for others: a folder that somebody
    gave away may name any task of this user's. Raise `SlurmError`.
    """
    batches = Batch.all_in(folder)
    if queue is None:
        queue = commands.queue() if batches else {}
    for batch in batches:
        alive = {name for name, entry in queue.items() if _is_alive(entry, batch)}
        for index, jobs in enumerate(batch.jobs() if alive else ()):
            if f"{batch.array}_{index}" in alive:
                yield Task.earlier(batch, index, jobs, batch.array)


def standing(folder: Path, queue: Queue) -> dict[str, str]:
    """Return, by name, how the jobs stand that Slurm has of those submitted from `folder`."""
    return {
        name: f"Slurm's job {task.name}, {queue[task.name].state}"
        for task in running_tasks(folder, queue)
        for name in task.unended
    }


def _is_alive(entry: commands.TaskState, batch: Batch) -> bool:
    return entry.state not in commands.ENDED and entry.comment == str(batch.path)
