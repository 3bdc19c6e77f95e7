"""Real processes for the tests of a run's life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.process import Launch, Sweepboard


@pytest.fixture(scope="module")
def launch() -> Iterator[Launch]:
    """Starts `sweepboard` as a process of its own; what still runs at the end is killed."""
    launched: list[Sweepboard] = []

    def start(folder: Path, *words: str) -> Sweepboard:
        launched.append(Sweepboard(folder, *words))
        return launched[-1]

    yield start
    for process in launched:
        process.kill()
