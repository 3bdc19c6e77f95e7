"""Open what the `dataset` group names: a source of its own, or data sets of torch's kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from sweepboard.data.datasets.plain_samples import AS_TRAINED, Plain
from sweepboard.data.datasets.reading import name_of
from sweepboard.data.types import Source
from sweepboard.errors import ConfigError

if TYPE_CHECKING:
    from sweepboard.data.collate import Collate


def open_source(
    train: Any,
    test: Any = None,
    classes: int | Sequence[str] | None = None,
    plain: Plain = AS_TRAINED,
    *,
    val: Any = None,
    collate_fn: Collate | None = None,
) -> Source:
    """Return `train` itself if it is a `Source`, or a source made of data sets.

    Samples are pairs of an input (PIL image, tensor or array, see `input_tensor`) and a target (a class
    number, or one or more real numbers), or anything that `collate_fn`, a method `collate_fn` of the data set
    or torch's `default_collate` makes a batch of. No sample is read. Raise `ConfigError` for anything that is
    no data set.
    """
    if not all(hasattr(train, name) for name in ("spec", "sizes", "load")):
        from sweepboard.data.datasets.torch_dataset import source_of  # runs with a source start sooner

        return source_of(train, test, val, classes, plain, collate_fn)
    others = {"test": test, "val": val, "classes": classes, "collate_fn": collate_fn}
    given = {f"dataset.{name}": value for name, value in others.items()} | {plain.key: plain.dataset}
    for key, value in given.items():
        if value is not None:
            raise ConfigError(f"{key}: {name_of(train)} knows its own; leave {key} out")
    return cast(Source, train)
