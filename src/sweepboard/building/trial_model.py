"""The model of a run as it is built, once, and copies of it for the dry run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sweepboard.building.assemble import build_model
from sweepboard.compose.locate import TARGET
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from sweepboard.startup import set_threads
from sweepboard.training.model_copy import copied
from sweepboard.training.seeding import random_states, random_states_kept, seed_everything

T = TypeVar("T")

MANY = 50_000_000
"""Number of weights above which the dry run computes shapes only."""


@dataclass(frozen=True)
class InitialModel:
    """A model as it was built, and the states of the random generators after that."""

    model: nn.Module
    random: Mapping[str, Any]


def initial_model(run: RunConfig) -> InitialModel:
    """Build the model as the run does, from its seed; the global random states are restored.

    Building reads files (pretrained weights), and Keras counts the layers that it names: so a run builds its
    model once, here, and tries a copy.
    """
    set_threads(run.values["threads"])
    with random_states_kept():
        seed_everything(run.values["seed"])
        return InitialModel(build_model(run), random_states())


def try_model(run: RunConfig, initial: InitialModel | None, check: Callable[[nn.Module], T]) -> T:
    """Return what `check` returns for a model that it may change.

    A large model is on torch's meta device, which computes shapes only. Other models are on the CPU, because
    the first use of the meta device imports a thousand modules and takes more than a second.
    """
    if _weights(run, initial) > MANY:
        try:
            with torch.device("meta"):
                model = build_model(run) if initial is None else copied(initial.model, "meta")
                return _checked(run, model, check)
        except Exception:
            pass  # the run on the CPU shows whether the model or the meta device failed
    with torch.device("cpu"):
        model = build_model(run) if initial is None else _copied_or_built(run, initial.model)
        return _checked(run, model, check)


def _checked(run: RunConfig, model: nn.Module, check: Callable[[nn.Module], T]) -> T:
    """Return what `check` returns. Raise `ConfigError` for a model without weights before its first call."""
    has_none = not _has_weights(model)
    result = check(model)
    if has_none and _has_weights(model):
        raise ConfigError(
            f"model: {run.values['model'][TARGET]} makes its weights at its first call, and the optimizer "
            "needs them before: build it with the shape of its inputs (of Keras, keras.Input(input_shape))"
        )
    return result


def _has_weights(model: nn.Module) -> bool:
    return next(model.parameters(), None) is not None


def _copied_or_built(run: RunConfig, model: nn.Module) -> nn.Module:
    try:
        return copied(model)
    except Exception:  # a model may hold what cannot be copied (a lock, an open file)
        return build_model(run)


def _weights(run: RunConfig, initial: InitialModel | None) -> int:
    """Return the number of weights of the model, or 0 if it cannot be known without building it."""
    if initial is not None:
        return sum(weight.numel() for weight in initial.model.parameters() if not is_lazy(weight))
    try:
        with torch.device("meta"):
            return sum(weight.numel() for weight in build_model(run).parameters())
    except Exception:
        return 0


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the first parameter; the CPU if there is none."""
    return next((weight.device for weight in model.parameters()), torch.device("cpu"))
