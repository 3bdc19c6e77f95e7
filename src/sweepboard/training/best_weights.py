"""Give a model its best weights for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from torch import Tensor

from sweepboard.training.attributes import FROZEN, attributes_set
from sweepboard.training.learner import Learner
from sweepboard.training.learner_parts import MODEL
from sweepboard.training.loop_state import BestState


@contextmanager
def best_weights(learner: Learner, best: BestState) -> Iterator[None]:
    """Give the model the weights and attributes of `best` during the block; then restore its own.

    The tensors stay the same objects, so that the optimizer, torch.compile and CUDA graphs still know them.
    """
    own = {name: _copy(value) for name, value in learner.model.state_dict().items()}
    attributes = {
        part: {key: value for key, value in values.items() if not key.endswith(FROZEN)}
        for part, values in best.attributes.items()
        if part.startswith(MODEL)
    }
    try:
        learner.load_model(best.model)
        with attributes_set({MODEL: learner.model}, attributes):
            yield
    finally:
        learner.model.load_state_dict(own)


def _copy(value: object) -> object:
    return value.clone() if isinstance(value, Tensor) else deepcopy(value)
