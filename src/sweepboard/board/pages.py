"""Pages of the Text panel, in markdown: the model, the data, the environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch.nn.parameter import is_lazy

from sweepboard.board.summaries import code_block
from sweepboard.data.types import ENDLESS
from sweepboard.names import flatten

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sweepboard.data.types import Batches, Data, DataSpec

MOST_LAYERS = 500
"""Rows of the table of layers."""

MOST_CLASSES = 100
"""Classes that are listed by name."""


def model_page(model: nn.Module) -> str:
    """Return the number of weights of a model, and a table of the layers that hold them."""
    weights = list(model.parameters())
    trained = _number(each for each in weights if each.requires_grad)
    waiting = ", more from the first batch on" if any(map(is_lazy, weights)) else ""
    head = f"**{type(model).__name__}**: {_number(weights):,} weights, {trained:,} of them trained{waiting}"
    rows = [*_layers(model)]
    more = [f"\n... and {len(rows) - MOST_LAYERS} more layers"] if len(rows) > MOST_LAYERS else []
    table = _table("layer | kind | weights | number", "lllr", rows[:MOST_LAYERS])
    return "\n".join([f"{head}\n", *table, *more])


def _layers(model: nn.Module) -> Iterator[str]:
    for name, layer in model.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        if own:
            shapes = ", ".join(f"{key} {_shape(weight)}" for key, weight in own.items())
            yield f"`{name or '.'}` | {type(layer).__name__} | {shapes} | {_number(own.values()):,}"


def _number(weights: Iterable[Tensor]) -> int:
    return sum(each.numel() for each in weights if not is_lazy(each))


def _shape(weight: Tensor) -> str:
    return "?" if is_lazy(weight) else "x".join(map(str, weight.shape)) or "1"


def data_page(data: Data) -> str:
    """Return the sizes of the splits, and what is known of a sample."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    rows = [f"{name} | {_size(split)}" for name, split in splits.items() if split is not None]
    about = [] if data.spec is None else [*_about(data.spec)]
    return "\n".join([*_table("split | samples | batches", "lrr", rows), "", *about])


def _size(split: Batches) -> str:
    return " | ".join("?" if number >= ENDLESS else f"{number:,}" for number in (split.size, len(split)))


def _about(spec: DataSpec) -> Iterator[str]:
    yield f"- a sample: {'x'.join(map(str, spec.input_shape))}"
    if spec.classes is None:
        yield f"- a target: {'x'.join(map(str, spec.target_shape)) or 'a number'}"
        return
    names = ", ".join(spec.class_names[:MOST_CLASSES])
    more = ", ..." if len(spec.class_names) > MOST_CLASSES else ""
    yield f"- {spec.classes} classes" + (f":\n\n{code_block(names + more)}" if names else "")


def environment_page(environment: Mapping[str, Any]) -> str:
    """Return the record of the environment: code, packages, hardware, a line for each entry."""
    told = {name: value for name, value in environment.items() if name != "sources"}
    return code_block("\n".join(f"{key}: {value}" for key, value in flatten(told)))


def _table(names: str, sides: str, rows: Iterable[str]) -> list[str]:
    rule = "|".join({"l": ":--", "r": "--:"}[side] for side in sides)
    return [f"| {names} |", f"|{rule}|", *(f"| {row} |" for row in rows)]
