"""Find what an earlier executor has left at Slurm: jobs that wait in its queue or run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sweepboard.execution.slurm import commands
from sweepboard.execution.slurm.batch import Batch
from sweepboard.execution.slurm.task import Task


def running_tasks(folder: Path, queue: Mapping[str, commands.TaskState] | None = None) -> Iterator[Task]:
    """Yield the tasks submitted from `folder` that have not ended, without their past events.

    Only tasks whose comment names the folder count: one that somebody gave away may name any task of this
    user's. Raise `SlurmError`.
    """
    batches = Batch.all_in(folder)
    if queue is None:
        queue = commands.queue() if batches else {}
    for batch in batches:
        yield from (task for task in _tasks(batch) if is_alive(task, queue) and task.unended)


def standing(folder: Path) -> dict[str, str]:
    """Return, by name, how the jobs stand that Slurm has of those submitted from `folder`.

    Raise `SlurmError`.
    """
    queue = commands.queue() if Batch.all_in(folder) else {}
    tasks = running_tasks(folder, queue)
    return {
        name: f"Slurm's job {task.name}, {queue[task.name].state}" for task in tasks for name in task.unended
    }


def _tasks(batch: Batch) -> Iterator[Task]:
    for index, jobs in enumerate(batch.jobs()):
        yield Task.earlier(batch, index, jobs, batch.array)


def is_alive(task: Task, queue: Mapping[str, commands.TaskState]) -> bool:
    """Return whether Slurm runs the task, or will."""
    entry = queue.get(task.name)
    return entry is not None and entry.state not in commands.ENDED and entry.comment == str(task.batch.path)
