"""Decide which classes and functions a foreign configuration may build.

The decision depends on the object and not on the dotted path to it. Modules hold other modules as
attributes: `torch.nn.functional.torch.hub.load` looks like a layer, but runs code from the network. An
object is judged by its own module and public name. To find it, only modules of the packages below and
modules that the user allowed are imported.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from sweepboard.import_path import import_users_modules

_ROOTS = ("torch", "torchvision", "sweepboard")
_LIBRARIES = (
    "torch.nn",
    "torch.optim",
    "torchvision.models",
    "torchvision.datasets",
    "torchvision.ops",
    "torchvision.transforms",
)
_REACH_OUT = ("sweepboard.loggers.WandB", "sweepboard.loggers.MLflow")
"""Parts of ours that send results out of the run folder, which its reader must allow."""

_DATASETS = (
    *("CIFAR10", "CIFAR100", "EMNIST", "FakeData", "FashionMNIST", "ImageFolder", "KMNIST", "MNIST"),
    *("STL10", "SVHN"),
)
"""Data sets of torchvision that read images and numbers only, or verify a file before they unpickle it."""


def find(path: Any, allowed: Sequence[str] = ()) -> Any | None:
    """Return the class or function at the dotted `path`, or None if it cannot be found.

    A path with a private part, or through a module that may not be imported, is not followed.
    """
    if not isinstance(path, str) or not all(map(_is_public, path.split("."))):
        return None
    parts = path.split(".")
    if allowed:  # perhaps a module of the working directory
        import_users_modules()
    found = _import(parts[0]) if parts[0] in _ROOTS or _may_enter(parts[0], allowed) else None
    for depth in range(2, len(parts) + 1):
        found = _member(found, parts[:depth], allowed)
    return found if callable(found) and not isinstance(found, ModuleType) else None


def may_be_built(found: Any, allowed: Sequence[str] = ()) -> bool:
    """Return whether the object is a known part of experiments or belongs to a package in `allowed`."""
    full = full_name(found)
    if full is None:
        return False
    if any(is_within(full, name) for name in allowed):
        return True
    return _is_its_own_name(found) and (found in _shipped() or _is_part_of_an_experiment(found))


def full_name(found: Any) -> str | None:
    """Return the module and qualified name that the object itself has, or None if it has none."""
    home, name = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    return f"{home}.{name}" if isinstance(home, str) and isinstance(name, str) else None


def is_within(name: str, package: str) -> bool:
    """Return whether the dotted `name` is `package` or lies below it."""
    return name == package or name.startswith(f"{package}.")


def _is_public(part: str) -> bool:
    return part.isidentifier() and not part.startswith("_")


def _may_enter(module: str, allowed: Sequence[str]) -> bool:
    """Return whether a module may be imported and searched for an object."""
    if any(is_within(module, name) or is_within(name, module) for name in allowed):
        return True
    return module in _our_modules() or any(is_within(module, name) for name in _LIBRARIES)


def _member(parent: Any, parts: Sequence[str], allowed: Sequence[str]) -> Any | None:
    """Return the object named by the last of `parts` in `parent`, with the lookup that `instantiate` uses."""
    if not isinstance(parent, ModuleType | type):
        return None
    found, name = getattr(parent, parts[-1], None), ".".join(parts)
    if found is None and hasattr(parent, "__path__") and _may_enter(name, allowed):
        found = _import(name)
    if isinstance(found, ModuleType) and not _may_enter(found.__name__, allowed):
        return None
    return found


def _import(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except (Exception, SystemExit):  # any error means that there is no object, so the path is refused
        return None


def _is_its_own_name(found: Any) -> bool:
    """Return whether a public class or function is found in its own module under its own name."""
    if not inspect.isclass(found) and not inspect.isroutine(found):
        return False
    if not all(map(_is_public, found.__qualname__.split("."))):
        return False
    try:
        return attrgetter(found.__qualname__)(sys.modules[found.__module__]) is found
    except (AttributeError, KeyError):
        return False


def _is_part_of_an_experiment(found: Any) -> bool:
    home, name = found.__module__, found.__name__
    if inspect.isclass(found):
        kinds = [kind for package, kind in _kinds().items() if is_within(home, package)]
        return any(issubclass(found, kind) for kind in kinds) or _is_data_set(found)
    return is_within(home, "torchvision.models") and _model_builder(name) is found


@cache
def _kinds() -> dict[str, Any]:
    """Return the packages whose classes may be built, each with the required base class."""
    from torch.nn import Module
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    return {
        "torch.nn.modules": Module,
        "torch.optim": Optimizer | LRScheduler,
        "torchvision.models": Module,
        "torchvision.ops": Module,
        "torchvision.transforms": object,
    }


def _is_data_set(found: Any) -> bool:
    if not is_within(found.__module__, "torchvision.datasets") or found.__name__ not in _DATASETS:
        return False
    return getattr(import_module("torchvision.datasets"), found.__name__, None) is found


def _model_builder(name: str) -> Any | None:
    """Return torchvision's builder function for the model `name`, or None if there is none."""
    models = import_module("torchvision.models")
    try:
        return models.get_model_builder(name)
    except ValueError:
        return None


@cache
def _shipped_targets() -> frozenset[str]:
    """Return the targets in the shipped YAML. Other functions of sweepboard could write files."""
    texts = [path.read_text() for path in Path(str(files("sweepboard.conf"))).rglob("*.yaml")]
    named = (name for text in texts for name in re.findall(r"_target_: *(sweepboard[\w.]+)", text))
    return frozenset(name for name in named if name not in _REACH_OUT)


@cache
def _our_modules() -> frozenset[str]:
    """Return the modules of the shipped targets and their parent packages."""
    homes = [target.split(".")[:-1] for target in _shipped_targets()]
    return frozenset(".".join(parts[:depth]) for parts in homes for depth in range(1, len(parts) + 1))


@cache
def _shipped() -> frozenset[Any]:
    """Return the classes and functions of the shipped targets."""
    return frozenset(attrgetter(name)(import_module(home)) for home, _, name in _split(_shipped_targets()))


def _split(targets: frozenset[str]) -> list[tuple[str, str, str]]:
    return [target.rpartition(".") for target in targets]
