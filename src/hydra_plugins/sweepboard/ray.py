"""`hydra/launcher=ray`: jobs on a Ray cluster, or on one of this machine for the sweep alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra_plugins.sweepboard.executor_launcher import ExecutorLauncher

if TYPE_CHECKING:
    from sweepboard.execution import Executor
    from sweepboard.settings import SweepSettings


class RayLauncher(ExecutorLauncher):
    """Run jobs on a Ray cluster."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def executor(self, settings: SweepSettings) -> Executor:
        from sweepboard.sweeps.ray_jobs import ray_executor

        return ray_executor(self._settings, settings)
