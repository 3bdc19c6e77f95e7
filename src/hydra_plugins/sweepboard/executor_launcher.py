"""The base class of launchers whose jobs run on an executor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from sweepboard.execution import Executor
    from sweepboard.settings import SweepSettings


class ExecutorLauncher(Launcher):
    """Run sweepboard's jobs, and no other program's, on the executor that a subclass returns.

    Its constructor takes the settings below `hydra.launcher`.
    """

    @abstractmethod
    def executor(self, settings: SweepSettings) -> Executor:
        """Return an executor, not opened yet, with the limits in `settings`."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from sweepboard.sweeps.hydra_plugins import SweepRequest, refuse_own_names

        self._request: Any = (hydra_context, task_function, config)
        refuse_own_names(SweepRequest(hydra_context, task_function, config))  # type: ignore[arg-type]

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from sweepboard.sweeps.hydra_plugins import SweepRequest, launch_batch

        return launch_batch(SweepRequest(*self._request), job_overrides)
