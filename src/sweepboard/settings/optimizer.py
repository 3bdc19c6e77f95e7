"""Settings of an optimizer beside the arguments of its class: its parameters, and how they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweepboard.settings.field import setting


@dataclass
class ParameterGroupSettings:
    """The runner's keys of a parameter group; all others are arguments of the optimizer's class."""

    params: str | list[str] | None = setting(None, "result")
    """A pattern of parameter names (`backbone.*`), or several; null takes the parameters of the module with
    the group's name."""

    ndim: int | None = setting(None, "result", minimum=0)
    """Only those of so many dimensions: 2 for the weights of linear layers."""

    lr_scale: float | None = setting(None, "result", above=0)
    """The learning rate as a multiple of the optimizer's."""


@dataclass
class OptimizerSettings:
    """Keys of the `optimizer` group that belong to the runner; all others go to its constructor."""

    groups: dict[str, Any] | None = setting(None, "result", items=ParameterGroupSettings)
    """Parameters with values of their own, by name: `{backbone: {params: "backbone.*", lr: 1e-4}}`. Or a
    function of the model that returns torch's parameter groups, by `_target_`."""

    no_decay: str | list[str] | None = setting(None, "result")
    """Parameters without weight decay: `bias`, `norm` (all others of one dimension), or patterns of names."""

    create_graph: bool | None = setting(None, "result")
    """Keep the graph of the gradients, for optimizers that differentiate them again; null: where the class
    does not step without it."""


@dataclass
class NamedOptimizerSettings(OptimizerSettings):
    """The runner's keys of one of several optimizers."""

    params: str | list[str] | None = setting(None, "result")
    """Its parameters: a pattern of their names or several, or `rest` for those of no other optimizer; null
    takes the parameters of the module with the optimizer's name."""

    ndim: int | None = setting(None, "result", minimum=0)
    """Only those of so many dimensions: 2 for the weights of linear layers."""
