"""The typed content of the checkpoints `last.pt` and `best.pt`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_origin, get_type_hints

State = TypeVar("State", bound="_State")


class _State:
    """A dataclass that is saved as a dictionary of its fields."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, for `torch.save`. Tensors are not copied."""
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls: type[State], state: Mapping[str, Any]) -> State:
        """Return the state in what `to_dict()` returned; other keys are ignored.

        Raise `KeyError` for a missing field and `TypeError` for one of another type.
        """
        types = get_type_hints(cls)
        names = [item.name for item in fields(cls)]  # type: ignore[arg-type]
        for name in names:
            _check_type(name, state[name], types[name])
        return cls(**{name: state[name] for name in names})


@dataclass(frozen=True)
class LoopState(_State):
    """The content of `last.pt`: everything that the training loop needs to continue.

    `callbacks` holds the state of each callback or logger under its name. `torch.load(weights_only=True)`
    accepts all values: tensors, numbers, strings, and containers of them.
    """

    step: int
    """Updates made."""

    total_steps: int
    """Updates of the whole run, as planned when this was saved."""

    log_from: int
    """The first step that a run resumed from here logs; it is logged again if it was logged before."""

    due: bool
    """Whether the events of the last update (validation, scalars) are still to happen."""

    learner: dict[str, Any]
    """The state of the learner: model, task, optimizer, schedule, scaler and meter."""

    data: dict[str, Any]
    """What shortens the way to the next batch of a stream; empty for other data."""

    monitor: dict[str, Any]
    """The state of the monitor: the best values, and validations without improvement."""

    train_metrics: dict[str, float]
    val_metrics: dict[str, float]
    test_metrics: dict[str, float]
    samples_per_second: float
    seconds: float
    """Time since the run began, over all attempts."""

    busy: float
    """Seconds of training since the last logging point."""

    callbacks: dict[str, dict[str, Any]]
    """The state of each callback that has one, by its name."""

    random: dict[str, Any]
    """The states of all global random generators (`training.seeding`)."""

    stop_reason: str = ""
    """Which callback stopped the run, and why; empty if none did."""

    ended: bool = False
    """Whether the final validation and test were made."""

    evaluated_by: str = ""
    """The callback whose state holds the `weights` that the model is evaluated with; empty if none does."""

    ranks: list[dict[str, Any]] = field(default_factory=list)
    """What differs on ranks 1, 2, ... (`training.rank_states`); empty for one process."""

    log: dict[str, Any] = field(default_factory=dict)
    """What callbacks logged at the last update, and the tags that they log."""

    best_test_metrics: dict[str, float] = field(default_factory=dict)
    """The metrics of the final test of the best weights; `test_metrics` are of the last ones."""

    @property
    def model(self) -> dict[str, Any]:
        """The state dict of the model with the weights that it is evaluated with."""
        averaged = self.callbacks[self.evaluated_by]["weights"] if self.evaluated_by else {}
        return {**self.learner["model"], **self.learner["evaluated"], **averaged}


@dataclass(frozen=True)
class BestState(_State):
    """The content of `best.pt`: the best weights, to test, load and export."""

    step: int
    """Updates made when these were the weights."""

    model: dict[str, Any]
    """The state dict of the model."""

    attributes: dict[str, Any]
    """Attributes of the model that training changed (`training.attributes`)."""

    metrics: dict[str, float]
    """The metrics of the validation in which these weights were best."""


def _check_type(name: str, value: object, annotation: Any) -> None:
    kind = get_origin(annotation) or annotation
    accepted: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"its {name} is of type {type(value).__name__} and not {kind.__name__}")
