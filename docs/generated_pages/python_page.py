"""The reference of the Python face: every public name, by the package that exports it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

FACES = {
    "sweepboard": "Train, sweep, read runs, and the contracts that your own code may implement.",
    "sweepboard.tasks": "Tasks that come with sweepboard, and what a step of a task returns.",
    "sweepboard.models": "Models that come with sweepboard.",
    "sweepboard.data": "Data sets that come with sweepboard.",
    "sweepboard.callbacks": "Callbacks that come with sweepboard.",
    "sweepboard.loggers": "Loggers beside TensorBoard.",
    "sweepboard.schedules": "Schedules beside those of torch.",
    "sweepboard.execution": "The contract of what runs the jobs of a sweep.",
    "sweepboard.testing": "Test suites for your own tasks, data sets, callbacks, loggers and executors.",
}


def text() -> str:
    """Return the page."""
    return "\n".join(["# Python\n", *_sections()])


def _sections() -> Iterator[str]:
    shown: set[str] = set()
    for face, description in FACES.items():
        yield f"## `{face}`\n\n{description}\n"
        module = import_module(face)
        for name in module.__all__:
            if name not in shown and callable(
                getattr(module, name)
            ):  # constants are told where they are used
                yield f"::: {face}.{name}\n"
            shown.add(name)
