"""`hydra/sweeper=grid`: all combinations, planned and frozen before the first job starts."""

from __future__ import annotations

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridSweeper(Sweeper):
    """Sweep sweepboard's jobs, and no other program's. `params` are swept keys in YAML: `{key: "1,2"}`."""

    def __init__(self, params: Any = None) -> None:
        """Ignore `params`: they are read from the configuration, where `${...}` is still unresolved."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._order: Any = (hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        from sweepboard.sweeps.hydra_plugins import SweepRequest, sweep_grid
        from sweepboard.sweeps.yaml_params import overrides_of_params

        order = SweepRequest(*self._order)
        return sweep_grid(order, [*overrides_of_params(order.config), *arguments])
