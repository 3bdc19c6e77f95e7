"""The Slurm executor keeps the contract of every executor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sweepboard.execution import Executor
from sweepboard.execution.slurm import SlurmExecutor
from sweepboard.settings import SlurmSettings
from sweepboard.testing import ExecutorSuite
from tests.slurm import Slurm, wait_for

pytestmark = pytest.mark.slow


class TestSlurmExecutor(ExecutorSuite):
    patience = 300.0

    @pytest.fixture(autouse=True)
    def _folder(self, slurm: Slurm, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        yield
        wait_for(lambda: not slurm.active(), "all tasks to end")

    def executor(self, jobs: int, grace: float) -> Executor:
        return SlurmExecutor(SlurmSettings(at_once=jobs), self.folder, grace=grace)
