"""Check what a foreign configuration builds, reads, downloads and allocates.

Hydra's own check before `instantiate` is documented as best effort: `torch.load` and `torch.hub.load` pass
it. This check is an allowlist: it accepts only known parts of an experiment. It checks the resolved
configuration, whose values are the ones that are built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from sweepboard.compose.call_checks import signature
from sweepboard.compose.interpolations import leaves
from sweepboard.compose.locate import TARGET
from sweepboard.errors import NotAllowed
from sweepboard.settings import NAMED_FUNCTIONS, PROGRAM, SCRIPT
from sweepboard.trust.allowed_objects import find, full_name, is_within, may_be_built
from sweepboard.trust.model_size_limits import refuse_giant_models
from sweepboard.trust.size_limits import refuse_giants

__all__ = ["NotAllowed", "refuse_untrusted", "refuse_untrusted_targets", "targets"]

_PLACE = re.compile(r"(.*_)?(root|path|folder|dir|directory|file|filename|run)")
"""Names of arguments that are paths, whatever their value looks like."""

_FETCH = re.compile(r"download|(pretrained|weights)(_backbone)?")
"""Names of arguments that make torchvision download."""

_CODE = f"{PROGRAM}.file"
"""The script that is run."""

_LAYERS = ("torch.nn", "torchvision.models", "sweepboard.models")
"""Packages of layers and models."""

_READERS = ("torchvision.models", "torchvision.datasets", "sweepboard.data")
"""Packages whose arguments must be given by name, because the name shows paths and downloads."""


def refuse_untrusted(
    config: Mapping[str, Any],
    allowed: Sequence[str] = (),
    typed: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    built: Sequence[str] = (),
) -> None:
    """Raise `NotAllowed`, naming the key, if a plain, resolved configuration must not be built.

    Call this before anything in `config` is imported or built. Allowed are the targets of the shipped YAML;
    layers, optimizers, schedulers, models, transforms and some data sets of torch and torchvision; and the
    packages (`timm`), modules and exact names in `allowed`. A leaf whose value equals the one in `typed` was
    typed by the user and is trusted. Files may be read in `folder` only; `folder` must contain no links.
    The models of the groups in `built`, which are built next, are also checked for their memory.
    """
    typed = typed or {}
    for key, node in targets(config):
        place = f"{key}.{TARGET}" if key else TARGET
        if not _is_typed(place, node[TARGET], typed):
            _check_node(place, node, allowed)
    for key, name in _named_functions(config):
        if not _is_typed(key, name, typed):
            _check_target(key, name, allowed)
    foreign = [(key, value) for key, value in leaves(config, "") if not _is_typed(key, value, typed)]
    for key, value in foreign:
        _check_leaf(key, value, folder)
    refuse_giants(foreign)
    refuse_giant_models(config, built, allowed, typed)


def refuse_untrusted_targets(config: Mapping[str, Any], allowed: Sequence[str] = ()) -> None:
    """Raise `NotAllowed` for a target that may not be built; check nothing else."""
    for key, node in targets(config):
        _check_target(f"{key}.{TARGET}" if key else TARGET, node[TARGET], allowed)
    for key, name in _named_functions(config):
        _check_target(key, name, allowed)


def _named_functions(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the functions that the `dataset` group names without a `_target_`."""
    dataset = config.get("dataset")
    for name in NAMED_FUNCTIONS:
        value = dataset.get(name) if isinstance(dataset, Mapping) else None
        if isinstance(value, str):
            yield f"dataset.{name}", value


def targets(config: Any, key: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping with a `_target_` in nested plain containers, with its key."""
    if isinstance(config, Mapping):
        if config.get(TARGET) is not None:
            yield key, config
        for name, value in config.items():
            yield from targets(value, f"{key}.{name}" if key else str(name))
    elif isinstance(config, list | tuple):
        for index, value in enumerate(config):
            yield from targets(value, f"{key}[{index}]")


def _is_typed(key: str, value: Any, typed: Mapping[str, Any]) -> bool:
    return key in typed and type(typed[key]) is type(value) and bool(typed[key] == value)


def _check_node(place: str, node: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Raise `NotAllowed` for the target, its positional arguments or the defaults of its parameters."""
    found = _check_target(place, node[TARGET], allowed)
    key = place.removesuffix(f".{TARGET}")
    if key.startswith("dataset."):
        _refuse_layer_in_data(place, full_name(found) or "", allowed)
    reads = any(is_within(full_name(found) or "", package) for package in _READERS)
    if reads and node.get("_args_"):
        raise NotAllowed(
            f"{key}._args_: arguments without names are not taken from a run folder that is not yours; "
            f"type ~{key}._args_ and each by its name"
        )
    for parameter in signature(found) or []:
        default, name = parameter.default, parameter.name
        if name in node or default in (None, False) or default is parameter.empty:
            continue
        if _FETCH.fullmatch(name):
            raise NotAllowed(_download_refused(f"{key}.{name}"))
        if reads and _PLACE.fullmatch(name):
            raise NotAllowed(_path_refused(f"{key}.{name}", default))


def _refuse_layer_in_data(place: str, name: str, allowed: Sequence[str]) -> None:
    """Raise `NotAllowed` for a layer or model as a transform: what it makes of a sample has no bound."""
    home = next((package for package in _LAYERS if is_within(name, package)), None)
    if home and not any(is_within(name, one) for one in allowed):
        raise NotAllowed(
            f"{place}: {name} is no transform, and is not built for the data of a run folder that is not "
            f"yours; if you trust it, add --allow {home}"
        )


def _check_target(place: str, target: Any, allowed: Sequence[str]) -> Any:
    if _is_allowed_script(place, target, allowed):
        return None
    found = find(target, allowed)
    if not isinstance(target, str) or "." not in target:
        raise NotAllowed(f"{place}: {target!r} is not the dotted name of a class; type {place}=... and one")
    if found is None and any(is_within(target, name) for name in allowed):
        raise NotAllowed(f"{place}: there is no {target} here; type the command in the folder of its module")
    if found is None or not may_be_built(found, allowed):
        home = (full_name(found) or "").rpartition(".")[0]
        if not any(is_within(home, name) for name in ("torch", "torchvision", "sweepboard")):
            home = (home or str(target)).partition(".")[0]
        raise NotAllowed(
            f"{place}: {target} is not built from a run folder that is not yours; "
            f"if you trust it, add --allow {home}"
        )
    return found


def _is_allowed_script(place: str, target: Any, allowed: Sequence[str]) -> bool:
    """Return whether the target is a whole script, which is no object; its file is judged as every path."""
    is_script = place == f"{PROGRAM}.{TARGET}" and isinstance(target, str) and target.endswith(SCRIPT)
    return is_script and any(is_within(target, name) for name in allowed)


def _check_leaf(key: str, value: Any, folder: Path | None) -> None:
    name = re.sub(r"\[\d+\]", "", key).rpartition(".")[2]
    if _FETCH.fullmatch(name) and value and (isinstance(value, str) or not key.endswith("]")):
        raise NotAllowed(_download_refused(key))
    if name == "allow" and value:  # of `load_model`
        raise NotAllowed(
            f"{key}: a run folder that is not yours allows nothing; type {key}=... to say it yourself"
        )
    if not isinstance(value, str) or name == TARGET:
        return
    if "$" in value:
        raise NotAllowed(
            f"{key}: {value} could name a variable of your environment, and a run folder that is not yours "
            f"reads none; give the value with {key}=..."
        )
    if "://" in value:
        raise NotAllowed(_download_refused(key))
    readable = folder if key != _CODE else None  # data may be in the folder, code to run may not
    if (_looks_like_a_path(value) or _PLACE.fullmatch(name)) and not _lies_in(readable, value):
        raise NotAllowed(_path_refused(key, value))


def _looks_like_a_path(value: str) -> bool:
    windows = PureWindowsPath(value)
    return value.startswith("~") or "/" in value or ".." in windows.parts or len(windows.parts) > 1


def _lies_in(folder: Path | None, value: str) -> bool:
    if folder is None or value.startswith("~") or ".." in PurePath(value).parts or "\0" in value:
        return False
    return Path(value).resolve().is_relative_to(folder.resolve())


def _download_refused(key: str) -> str:
    return (
        f"{key}: nothing is downloaded on the word of a run folder that is not yours; "
        f"type {key}=... to say it yourself"
    )


def _path_refused(key: str, value: Any) -> str:
    return (
        f"{key}: {value} is not read on the word of a run folder that is not yours; "
        f"say where it is with {key}=..."
    )
