"""Averages of the weights over the updates: EMA and SWA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.training.progress import Progress

_mean_of_all: Any = get_swa_multi_avg_fn  # torch gives them no types
_moving: Any = get_ema_multi_avg_fn


class _Average(Callback):
    """Averages parameters and buffers (batch norm's statistics too); whole numbers are those of the model."""

    def __init__(self) -> None:
        self.weights: dict[str, Tensor] = {}
        self.count = 0
        self._of_model: dict[str, Tensor] = {}

    def on_start(self, progress: Progress) -> None:
        state = progress.learner.model.state_dict()
        self._of_model = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        self.weights = {name: value.to(state[name].device) for name, value in self.weights.items()}

    def take(self, decay: float | None) -> None:
        """Take the present weights into the average: of all alike, or with `decay` into a moving one."""
        if not self.weights:
            self.weights = {name: value.clone() for name, value in self._of_model.items()}
        fractions = [name for name, value in self.weights.items() if value.is_floating_point()]
        averages, values = ([of[name] for name in fractions] for of in (self.weights, self._of_model))
        mean = _mean_of_all() if decay is None else _moving(decay)
        mean(averages, values, self.count)
        for name in self.weights.keys() - {*fractions}:
            self.weights[name].copy_(self._of_model[name])
        self.count += 1

    def evaluation_weights(self) -> Mapping[str, Tensor]:
        return self.weights

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights, self.count = dict(state["weights"]), state["count"]


class EMA(_Average):
    """Keeps an exponential moving average of the weights, with which the model is evaluated and saved.

    Of n updates so far, the decay is at most (1 + n) / (10 + n): the first ones are soon forgotten.
    """

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        if not 0 < decay < 1:
            raise ValueError(f"decay must be between 0 and 1, got {decay}")
        self.decay = decay

    def on_update(self, _: Progress) -> None:
        self.take(min(self.decay, (1 + self.count) / (10 + self.count)))


class SWA(_Average):
    """Averages the weights at the end of every epoch from `start_epoch` on (Izmailov et al. 2018)."""

    def __init__(self, start_epoch: int) -> None:
        super().__init__()
        self.start_epoch = start_epoch

    def on_update(self, progress: Progress) -> None:
        if progress.step % progress.steps_per_epoch == 0 and progress.epoch >= self.start_epoch:
            self.take(None)
