"""What a checkpoint holds, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_origin, get_type_hints

State = TypeVar("State", bound="_State")


class _State:
    """A dataclass that is saved as a dictionary of its fields."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, for `torch.save`. Tensors are not copied."""
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls: type[State], state: Mapping[str, Any]) -> State:
        """Return the state that `to_dict()` gave; other keys are ignored.

        Raise `KeyError` for a field that is missing and `TypeError` for one of another type.
        """
        types = get_type_hints(cls)
        names = [item.name for item in fields(cls)]  # type: ignore[arg-type]
        for name in names:
            _check_type(name, state[name], types[name])
        return cls(**{name: state[name] for name in names})


@dataclass(frozen=True)
class LoopState(_State):
    """Everything from which the training loop goes on to the same end: what `last.pt` holds.

    A callback or logger keeps its state in the slot of its own name in `callbacks`. All values are what
    `torch.load(weights_only=True)` accepts: tensors, numbers, strings, and containers of them.
    """

    step: int
    """Updates made."""

    total_steps: int
    """Updates of the whole run, as long as it was when this was saved."""

    log_from: int
    """The first step that is logged after a resume from here; what stands there already is logged again."""

    due: bool
    """Whether the last update was made, and what was due after it (validation, scalars) was not done."""

    learner: dict[str, Any]
    """What `Learner.state_dict()` gave: model, task, optimizer, schedule, scaler and meter."""

    monitor: dict[str, Any]
    """What `Monitor.state_dict()` gave: the best values, and how long nothing improved."""

    train_metrics: dict[str, float]
    val_metrics: dict[str, float]
    test_metrics: dict[str, float]
    samples_per_second: float
    seconds: float
    """Time since the run began, over all attempts."""

    busy: float
    """Seconds of training since the last logging point."""

    callbacks: dict[str, dict[str, Any]]
    """What `Callback.state_dict()` gave, by the name of the callback; none for one without a state."""

    random: dict[str, Any]
    """The states of all global random generators (`training.seeding`)."""


@dataclass(frozen=True)
class BestState(_State):
    """The best weights, to test, load and export: what `best.pt` holds."""

    step: int
    """Updates after which these were the weights."""

    model: dict[str, Any]
    """The state dict of the model."""

    attributes: dict[str, Any]
    """What else training changed of the model (`training.attributes`)."""

    metrics: dict[str, float]
    """Of the validation that found them the best."""


def _check_type(name: str, value: object, annotation: Any) -> None:
    kind = get_origin(annotation) or annotation
    accepted: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"its {name} is of type {type(value).__name__} and not {kind.__name__}")
