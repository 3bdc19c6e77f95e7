"""What is submitted: the options of sbatch and the script of a task."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sweepboard.execution.slurm.batch import Batch
from sweepboard.import_path import python
from sweepboard.settings.slurm import SlurmSettings


def script(batch: Batch, setup: Sequence[str]) -> str:
    """Return the script of a task: the user's lines of setup, and then `allocation.main` in its place.

    A line of setup that fails ends the task. The signals of the warning are ignored until they have handlers.
    """
    start = "from sweepboard.execution.slurm.allocation import main; main()"
    lines = ["#!/bin/bash", "set -e", *setup, "set +e", "trap '' USR1 USR2"]
    command = shlex.join([*python(start), str(batch.path)])
    return "\n".join([*lines, f'exec {command} "$SLURM_ARRAY_TASK_ID"', ""])


def options(settings: SlurmSettings, cores: int, nodes: int = 1) -> list[str]:
    """Return the options of sbatch that say what an allocation is given: on each node, `cores` or as set."""
    return [
        f"--nodes={nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={settings.cpus or cores}",
        "--requeue" if settings.requeue else "--no-requeue",
        *([f"--signal=B:USR1@{settings.warn}"] if settings.warn else []),
        *_given(_asked(settings)),
        *_given({"job-name": "sweepboard", **(settings.extra or {})}),
    ]


def array_options(folder: Path, tasks: int, settings: SlurmSettings, after: Sequence[str] = ()) -> list[str]:
    """Return the options of sbatch for an array of so many tasks, whose files are in `folder`.

    It starts when all tasks and arrays in `after` have ended.
    """
    return [
        f"--array=0-{tasks - 1}" + (f"%{settings.at_once}" if settings.at_once else ""),
        f"--comment={folder}",  # tells it from every other task of the user's
        f"--output={str(folder).replace('%', '%%')}/%a.log",
        "--open-mode=append",
        "--export=ALL",
        *([f"--dependency=afterany:{':'.join(after)}"] if after else []),
    ]


def _asked(settings: SlurmSettings) -> dict[str, Any]:
    return {
        "gres": f"gpu:{settings.gpus}" if settings.gpus else None,
        "mem": settings.memory,
        "time": settings.minutes,
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
    }


def _given(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if value is True:
            yield f"--{name}"
        elif value is not None and value is not False:
            yield f"--{name}={value}"
