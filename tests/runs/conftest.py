"""Real processes for the tests of a run's life."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.runs.process import Launch, Sweepboard


@pytest.fixture(scope="module")
def launch() -> Iterator[Launch]:
    """Starts `sweepboard` as a process of its own; what still runs at the end is killed."""
    launched: list[Sweepboard] = []

    def start(folder: Path, *words: str, before: Sequence[str] = ()) -> Sweepboard:
        launched.append(Sweepboard(folder, *words, before=before))
        return launched[-1]

    yield start
    for process in launched:
        process.kill()
