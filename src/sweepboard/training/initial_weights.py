"""Give a model the weights that its run begins with, and say which fit and which do not."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sweepboard.errors import ConfigError, reason
from sweepboard.settings import WeightsSettings
from sweepboard.training.weights_file import file_of, read_weights

log = logging.getLogger("sweepboard")

SHOWN = 3
"""Names in a message."""


def load_initial_weights(model: nn.Module, settings: WeightsSettings) -> None:
    """Load the weights that `settings` name into `model`, if they name some, and log one line about it.

    Raise `ConfigError` if they do not fit.
    """
    if settings.path is not None:
        new, unused = _load(model, settings, read_weights(settings), assign=False)
        whole = len(model.state_dict())
        parts = [f"{whole - len(new)} of {whole} tensors of the model are from {file_of(settings)}"]
        parts += [f"new: {_shown(new)}"] if new else []
        parts += [f"not used: {_shown(unused)}"] if unused else []
        log.log(logging.INFO if settings.strict else logging.WARNING, "weights: %s", "; ".join(parts))


def check_initial_weights(model: nn.Module, settings: WeightsSettings) -> None:
    """Raise `ConfigError` if the weights that `settings` name do not fit `model`.

    Afterwards the model has shapes and no weights: only names and shapes are read where the file allows it.
    """
    if settings.path is not None:
        tensors = {
            name: one.to("meta") if isinstance(one, Tensor) else one
            for name, one in read_weights(settings, "meta").items()
        }
        _load(model, settings, tensors, assign=True)


def _load(
    model: nn.Module, settings: WeightsSettings, tensors: dict[str, Any], assign: bool
) -> tuple[list[str], list[str]]:
    """Load tensors by name; return those of the model that stay new, and those that are not used."""
    own = model.state_dict(keep_vars=True)
    _refuse_idle_patterns(settings.exclude, own)
    excluded = [name for name in {**own, **tensors} if _matches(name, settings.exclude)]
    given = {name: one for name, one in tensors.items() if name not in excluded}
    _refuse_other_shapes(own, given, settings)
    if not given:
        raise ConfigError(f"weights.exclude: leaves out every tensor of {settings.path}; name fewer of them")
    shared = {id(own[name]) for name in given if name in own}
    try:
        result = model.load_state_dict(given, strict=False, assign=assign)
    except RuntimeError as error:
        raise ConfigError(f"weights.path: {settings.path} does not fit the model: {reason(error)}") from error
    missing = [name for name in result.missing_keys if id(own.get(name)) not in shared]  # tied weights
    lacking = [name for name in missing if name not in excluded]
    if len(result.unexpected_keys) == len(given) or (settings.strict and (lacking or result.unexpected_keys)):
        raise ConfigError(_misfit(settings, own, given, lacking, result.unexpected_keys))
    return missing, [*result.unexpected_keys, *(name for name in excluded if name in tensors)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_idle_patterns(patterns: Sequence[str], names: Collection[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                f"weights.exclude: no tensor of the model is named {pattern}; they are {_shown(names)}"
            )


def _refuse_other_shapes(
    own: Mapping[str, Tensor], given: Mapping[str, Any], settings: WeightsSettings
) -> None:
    both = [name for name, one in given.items() if isinstance(one, Tensor) and name in own]
    shapes = {
        name: (tuple(given[name].shape), tuple(own[name].shape)) for name in both if not is_lazy(own[name])
    }
    other = [name for name, (theirs, ours) in shapes.items() if theirs != ours]
    if other:
        theirs, ours = shapes[other[0]]
        more = f" (and {len(other) - 1} more differ)" if len(other) > 1 else ""
        raise ConfigError(
            f"weights.path: {other[0]} has the shape {theirs} in {settings.path} and {ours} in the "
            f"model{more}; type {_exclude(other)} to begin with new ones"
        )


def _exclude(names: Iterable[str]) -> str:
    """Return what to type to leave out `names`: the modules that they belong to."""
    modules = dict.fromkeys(f"{home}.*" if (home := name.rpartition(".")[0]) else name for name in names)
    return f"'weights.exclude=[{','.join(modules)}]'"


def _misfit(
    settings: WeightsSettings,
    own: Mapping[str, Any],
    given: Mapping[str, Any],
    missing: Sequence[str],
    unexpected: Sequence[str],
) -> str:
    """Return the message about names that do not fit, with what to type."""
    parts = [f"lacks {_shown(missing)} of the model"] if missing else []
    parts += [f"has {_shown(unexpected)}, which the model has not"] if unexpected else []
    fitting = len(given) - len(unexpected)
    if (hint := _prefix_hint(own, given, fitting)) is None:
        hint = (
            f"type weights.strict=false to load the {fitting} tensors that fit" if fitting else "no name fits"
        )
        if fitting and missing:
            hint += f", or {_exclude(missing)} to begin with new ones"
    return f"weights.path: {settings.path} {' and '.join(parts)}; {hint}"


def _prefix_hint(own: Collection[str], given: Collection[str], fitting: int) -> str | None:
    """Return which prefix to type if more names fit with it."""
    strip, stripped = _best_prefix(own, given)
    add, added = _best_prefix(given, own)
    if max(stripped, added) <= fitting:
        return None
    setting, prefix = ("strip_prefix", strip) if stripped >= added else ("add_prefix", add)
    return f"{max(stripped, added)} fit with weights.{setting}={prefix}"


def _best_prefix(short: Collection[str], long: Collection[str]) -> tuple[str, int]:
    """Return the prefix with which most names in `short` are in `long`, and how many."""
    tails = [name for name in short if "." in name] or list(short)
    ends = Counter(
        name.removesuffix(tail) for tail in tails[:SHOWN] for name in long if name.endswith(f".{tail}")
    )
    scores = {
        prefix: sum(f"{prefix}{name}" in long for name in short) for prefix, _ in ends.most_common(SHOWN)
    }
    best = max(scores, key=scores.__getitem__, default="")
    return best, scores.get(best, 0)


def _shown(names: Iterable[str]) -> str:
    names = list(names)
    more = f", ... ({len(names)} in all)" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
