"""Suggest a mapping per option where a swept key is an argument of only some of the swept options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from shlex import quote
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.call_checks import signature, takes
from sweepboard.compose.locate import TARGET, locate
from sweepboard.errors import ConfigError, UserError
from sweepboard.sweeps.labels import override_text
from sweepboard.sweeps.sweep_overrides import key_of

_MOST = 4
"""The maximum number of mappings in the message."""

_NO_ARGUMENT = re.compile(r"^(\w+)\.\w+: \S+ has no such argument")


def with_sub_grid_advice(
    mistake: UserError, points: Sequence[Sequence[str]], compose: Callable[[Sequence[str]], DictConfig]
) -> UserError:
    """Return the mistake, with what to type if other swept options have the argument."""
    found = _NO_ARGUMENT.match(str(mistake))
    group = found[1] if found else ""
    options = {override for overrides in points for override in overrides if key_of(override) == group}
    if found is None or len(options) < 2 or any("{" in option for option in options):
        return mistake
    mappings = list(dict.fromkeys(_mappings(group, points, compose)))
    shown = ",".join([*mappings[:_MOST], *["..."] * (len(mappings) > _MOST)])
    typed = quote(f"{group}={shown}")
    return ConfigError(f"{found[0]}; to give each {group} keys of its own, type {typed}")


def _mappings(
    group: str, points: Sequence[Sequence[str]], compose: Callable[[Sequence[str]], DictConfig]
) -> Iterator[str]:
    """Return the class of each point, the arguments it needs and the typed ones it accepts."""
    for overrides in points:
        typed = {key_of(override): override.partition("=")[2] for override in overrides}
        inside = {key.partition(".")[2]: value for key, value in typed.items() if key.startswith(f"{group}.")}
        around = [override for override in overrides if not key_of(override).startswith(f"{group}.")]
        node: Any = OmegaConf.to_container(compose(around)[group])
        if TARGET not in node:  # scheduler=none
            yield "{}"
            continue
        kind = locate(node[TARGET], group)
        needed = {name: override_text(node[name]) for name in _required(kind) if name in node}
        taken = {name: value for name, value in inside.items() if takes(kind, name)}
        given = {TARGET: node[TARGET], **needed, **taken}
        yield f"{{{','.join(f'{name}:{value}' for name, value in given.items())}}}"


def _required(kind: Callable[..., Any]) -> list[str]:
    return [each.name for each in signature(kind) or () if each.default is each.empty]
