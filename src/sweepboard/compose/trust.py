"""Which targets of a configuration that came from someone else may be built.

Hydra's own check before `instantiate` is best effort by its authors' word: `torch.load` and
`torch.hub.load` pass it. Here nothing passes but what is known to be a part of an experiment.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any

from sweepboard.compose.targets import locate
from sweepboard.errors import UserError
from sweepboard.names import flatten


class NotAllowed(UserError):
    """A target, or another value, of a foreign configuration that is refused."""


_LIBRARIES = ("torch.nn.", "torch.optim.", "torchvision.models.", "torchvision.datasets.", "torchvision.ops.")
_PLACES = ("root", "path", "folder", "dir", "directory", "file")


def refuse_untrusted(config: Mapping[str, Any], allowed: Sequence[str] = ()) -> None:
    """Check a plain configuration of unknown origin before anything in it is imported or built.

    Allowed are the targets of our own YAML; modules, optimizers, schedulers and data sets of torch and
    torchvision and torchvision's model functions; and what the user named in `allowed`: packages (`timm`),
    modules or exact names. Raises `NotAllowed` with the key.
    """
    for key, target in targets(config):
        if not _is_allowed(target, allowed):
            raise NotAllowed(
                f"{key}: {target} is not built from a run folder that is not yours; "
                f"if you trust it, add --allow {str(target).partition('.')[0]}"
            )
    _refuse_outside_paths(config)


def targets(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every `_target_` of nested plain containers with its dotted key."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            key = f"{prefix}.{name}" if prefix else str(name)
            if name == "_target_" and value is not None:
                yield key, value
            yield from targets(value, key)
    elif isinstance(config, list | tuple):
        for index, value in enumerate(config):
            yield from targets(value, f"{prefix}.{index}")


def _is_allowed(target: Any, allowed: Sequence[str]) -> bool:
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        return False
    if any(target == name or target.startswith(f"{name}.") for name in allowed):
        return True
    if target.startswith("sweepboard."):
        return target in _shipped_targets()
    return target.startswith(_LIBRARIES) and _is_part_of_an_experiment(target)


@cache
def _shipped_targets() -> frozenset[str]:
    """The targets that the shipped YAML names; other functions of ours could write files."""
    texts = [path.read_text() for path in Path(str(files("sweepboard.conf"))).rglob("*.yaml")]
    return frozenset(name for text in texts for name in re.findall(r"_target_: *(sweepboard[\w.]+)", text))


def _is_part_of_an_experiment(target: str) -> bool:
    """Whether it is a class of a kind that experiments are made of, or a function that makes a vision model.

    Where it was defined counts, not where it was found: many modules hold `os` as an attribute.
    """
    from torch.nn import Module
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler
    from torch.utils.data import Dataset

    try:
        found = locate(target, "_target_")
    except UserError:
        return False
    home = str(getattr(found, "__module__", ""))
    if inspect.isclass(found):
        return issubclass(found, Module | Optimizer | LRScheduler | Dataset) and home.startswith(
            ("torch.", "torchvision.")
        )
    return target.startswith("torchvision.models.") and home.startswith("torchvision.models.")


def _refuse_outside_paths(config: Mapping[str, Any]) -> None:
    """A data set reads from its folder, and where it is empty some fill it: not on a stranger's word."""
    for key, value in flatten(config.get("dataset") or {}, "dataset"):
        named = key.rpartition(".")[2] in _PLACES and isinstance(value, str)
        if named and (PurePath(value).is_absolute() or ".." in PurePath(value).parts):
            raise NotAllowed(
                f"{key}: {value} is not read on the word of a run folder that is not yours; "
                f"say where your data is with {key}=..."
            )
