"""`hydra/sweeper=optuna`: a search, whose trials are chosen from the results of earlier ones."""

from __future__ import annotations

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SearchSweeper(Sweeper):
    """Run searches of sweepboard's jobs, and no other program's."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._order: Any = (hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        from sweepboard.search.plan import search
        from sweepboard.sweeps.hydra_plugins import SweepRequest

        return search(SweepRequest(*self._order), self._settings, arguments)
