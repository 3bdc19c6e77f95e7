"""Divide jobs into the tasks of job arrays, and say what such an array waits for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from sweepboard.execution.executor import Job, Resources
from sweepboard.execution.slurm.task import Task

Jobs = Sequence[Job]
"""The jobs of a task, which share an allocation."""


def divided(jobs: Jobs, jobs_per_task: int, most_tasks: int) -> Iterator[list[Jobs]]:
    """Yield the tasks of each array: jobs of an array need as many nodes, and one of several has its own."""
    for nodes, group in groupby(sorted(jobs, key=_nodes), key=_nodes):
        tasks = list(_packed(list(group), jobs_per_task if nodes == 1 else 1))
        for first in range(0, len(tasks), most_tasks):
            yield tasks[first : first + most_tasks]


def cores_of(task: Jobs, resources: Resources) -> int:
    """Return the cores that a task needs on each node, for as many of its jobs as run at once there."""
    together = resources.at_once(len(task), max(map(gpus_of, task)))
    return sum(sorted((job.cores for job in task), reverse=True)[:together]) // _nodes(task[0])


def gpus_of(job: Job) -> int:
    """Return the GPUs that a job needs on each of its nodes."""
    return job.gpus // job.nodes if job.gpu else 0


def must_end_before(new: int, unfinished: Sequence[Task], at_once: int | None) -> list[str]:
    """Return, as `--dependency` takes them, the tasks that must end before an array of `new` tasks starts.

    Then no more than `at_once` tasks of all arrays run at any time. Slurm itself limits an array alone.
    """
    if at_once is None:
        return []
    beside = max(0, at_once - new)  # of the others, when the array starts
    if len(unfinished) <= beside:
        return []
    first, last = unfinished[: len(unfinished) - beside], unfinished[len(unfinished) - beside :]
    partly = {task.array for task in last}
    return list(dict.fromkeys(task.name if task.array in partly else task.array for task in first))


def _nodes(job: Job) -> int:
    return job.nodes


def _packed(jobs: Jobs, size: int) -> Iterator[Jobs]:
    return (jobs[first : first + size] for first in range(0, len(jobs), size))
