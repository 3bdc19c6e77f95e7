"""`hydra/sweeper=grid`: all combinations, planned and frozen before the first job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridSweeper(Sweeper):
    """Sweeps sweepboard's jobs, and no other program's. `params` are swept keys in YAML: `{key: "1,2"}`."""

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self._params = dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._order: Any = (hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        from sweepboard.sweeps.plugins import Order, sweep_grid

        words = [f"{key}={value}" for key, value in self._params.items()]
        sweep_grid(Order(*self._order), [*words, *arguments])
