"""Choose parameters of a model by patterns of their names, for optimizers, parameter groups and callbacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from torch.nn import Parameter

from sweepboard.errors import ConfigError, nearest
from sweepboard.formatting import yaml_text

Named: TypeAlias = "Mapping[str, Parameter]"

REST = "rest"
"""Stands for the parameters that nothing else takes."""

_BIAS, _NORM = "bias", "norm"


@dataclass(frozen=True)
class Choice:
    """Parameters by patterns of their names or of the modules that hold them, and by their dimensions."""

    key: str
    """The key of what the parameters are for, for messages: `optimizer.groups.backbone`."""

    patterns: tuple[str, ...]
    ndim: int | None = None

    def takes(self, name: str, parameter: Parameter) -> bool:
        """Return whether this parameter is chosen; `rest` chooses none."""
        fits = not self.is_rest and _matches(name, self.patterns)
        return fits and self.ndim in (None, parameter.ndim)

    @property
    def is_rest(self) -> bool:
        """Whether the chosen parameters are those that no other choice takes."""
        return self.patterns == (REST,)


def divided(named: Named, choices: Mapping[str, Choice]) -> tuple[dict[str, dict[str, Parameter]], Named]:
    """Return the parameters of each choice, and those of none.

    Raise ConfigError for a choice without a parameter, and for a parameter in two of them.
    """
    parts: dict[str, dict[str, Parameter]] = {name: {} for name in choices}
    left = {}
    rest = next((name for name, choice in choices.items() if choice.is_rest), None)
    for name, parameter in named.items():
        takers = [one for one, choice in choices.items() if choice.takes(name, parameter)]
        if len(takers) > 1:
            one, other = (choices[taker].key for taker in takers[:2])
            raise ConfigError(f"{other}: takes {name}, which {one} has; let their params name others")
        taker = takers[0] if takers else rest
        if taker is None:
            left[name] = parameter
        else:
            parts[taker][name] = parameter
    for one, chosen in parts.items():
        if not chosen:
            raise ConfigError(_nothing_chosen(choices[one], named))
    return parts, left


def matching(named: Named, words: Sequence[str], key: str) -> dict[str, Parameter]:
    """Return the parameters that a pattern matches. Raise ConfigError for a pattern that matches none."""
    for word in words:
        if not any(_matches(name, [word]) for name in named):
            raise ConfigError(f"{key}: {_no_such_name(word, named)}")
    return {name: parameter for name, parameter in named.items() if _matches(name, words)}


def _nothing_chosen(choice: Choice, named: Named) -> str:
    if choice.is_rest:
        return f"{choice.key}.params: nothing is left for it: the others take every parameter"
    for pattern in choice.patterns:
        if not any(_matches(name, [pattern]) for name in named):
            return f"{choice.key}: {_no_such_name(pattern, named)}; type {choice.key}.params=..."
    return f"{choice.key}.ndim: no parameter of {', '.join(choice.patterns)} has {choice.ndim} dimensions"


def _no_such_name(pattern: str, named: Named) -> str:
    parts = [name.split(".") for name in named]
    modules = dict.fromkeys(".".join(each[:depth]) for each in parts for depth in range(1, len(each) + 1))
    likely = nearest(pattern.removesuffix(".*"), list(modules))
    shown = list(dict.fromkeys(each[0] for each in parts))
    there = f"there are {', '.join(shown[:8])}{', ...' * (len(shown) > 8)}"
    hint = f"did you mean {likely}?" if likely else there
    return f"no parameter of the model matches {yaml_text(pattern)} ({hint})"


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a pattern is that of the parameter or of a module that holds it."""
    return any(fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*") for pattern in patterns)


@dataclass(frozen=True)
class NoDecay:
    """Parameters without weight decay: `bias`, `norm`, and patterns of names."""

    key: str
    words: tuple[str, ...]

    def check(self, named: Named) -> None:
        """Raise ConfigError for a pattern that matches no parameter."""
        for word in self.words:
            if word not in (_BIAS, _NORM) and not any(_matches(name, [word]) for name in named):
                raise ConfigError(f"{self.key}: {_no_such_name(word, named)}; the words are bias and norm")

    def covers(self, name: str, parameter: Parameter) -> bool:
        """Return whether this parameter has no weight decay.

        As in nanoGPT and timm, scales of norms are known by their one dimension.
        """
        is_bias = _BIAS in name.rpartition(".")[2]
        by_kind = _BIAS if is_bias else _NORM if parameter.ndim <= 1 else None
        return by_kind in self.words or _matches(name, self.words)

    def split(self, group: Mapping[str, Any], members: Named) -> Iterator[dict[str, Any]]:
        """Yield the parameter group of `members` in one or two parts, with and without weight decay."""
        covered = {name: self.covers(name, parameter) for name, parameter in members.items()}
        for without, values in ((False, {}), (True, {"weight_decay": 0.0})):
            parameters = [members[name] for name, is_covered in covered.items() if is_covered is without]
            if parameters:
                yield {"params": parameters, **group, **values}
