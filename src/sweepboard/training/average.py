"""An average of a model's weights that takes their place in evaluation."""

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


class AverageOfWeights(Callback):
    """Averages parameters and buffers (batch norm's statistics too); whole numbers are those of the model.

    A derived class says when the weights are taken.
    """

    def __init__(self) -> None:
        self.weights: dict[str, Tensor] = {}
        self.count = 0
        self._of_model: dict[str, Tensor] = {}

    def on_start(self, progress: Progress) -> None:
        state = progress.learner.model.state_dict()
        self._of_model = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        self.weights = {name: value.to(state[name].device) for name, value in self.weights.items()}

    def take(self, decay: float | None = None) -> None:
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
