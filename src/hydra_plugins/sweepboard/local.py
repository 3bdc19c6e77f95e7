"""`hydra/launcher=local`: a new process per job, as many at once as the machine can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra_plugins.sweepboard.executor_launcher import ExecutorLauncher

if TYPE_CHECKING:
    from sweepboard.execution import Executor
    from sweepboard.settings import SweepSettings


class LocalLauncher(ExecutorLauncher):
    """Run jobs on this machine."""

    def executor(self, settings: SweepSettings) -> Executor:
        from sweepboard.sweeps.local_jobs import local_executor

        return local_executor(settings)
