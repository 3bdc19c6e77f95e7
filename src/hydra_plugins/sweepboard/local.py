"""`hydra/launcher=local`: a fresh process per job, as many at once as the machine carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Runs sweepboard's jobs, and no other program's."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from sweepboard.sweeps.hydra_plugins import SweepRequest, refuse_own_names

        self._order: Any = (hydra_context, task_function, config)
        refuse_own_names(SweepRequest(hydra_context, task_function, config))  # type: ignore[arg-type]

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from sweepboard.sweeps.hydra_plugins import SweepRequest, launch_batch

        return launch_batch(SweepRequest(*self._order), job_overrides)
