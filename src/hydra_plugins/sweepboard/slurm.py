"""`hydra/launcher=slurm`: jobs in allocations of Slurm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra_plugins.sweepboard.executor_launcher import ExecutorLauncher

if TYPE_CHECKING:
    from sweepboard.execution import Executor
    from sweepboard.settings import SweepSettings


class SlurmLauncher(ExecutorLauncher):
    """Run jobs in allocations of Slurm."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def executor(self, settings: SweepSettings) -> Executor:
        from sweepboard.sweeps.slurm_jobs import slurm_executor

        return slurm_executor(self._settings, settings)
