"""`hydra/sweeper=optuna`: trials chosen by what came out of those before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SearchSweeper(Sweeper):
    """Searches with sweepboard's jobs, and no other program's. `params` is a space in YAML."""

    def __init__(self, params: Mapping[str, Any] | None = None, **settings: Any) -> None:
        self._params, self._settings = dict(params or {}), settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._order: Any = (hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        from sweepboard.sweeps.plugins import Order
        from sweepboard.sweeps.search.sweeper import search

        words = [f"{key}={value}" for key, value in self._params.items()]
        search(Order(*self._order), self._settings, [*words, *arguments])
