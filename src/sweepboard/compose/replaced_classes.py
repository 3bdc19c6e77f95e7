"""Drop the arguments of a class that an override or YAML replaced with another class.

`model._target_=mine.Net`, typed or in a preset, replaces CNN, and `dropout: 0.5` in cnn.yaml was chosen for
CNN: mine.Net gets its own default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.call_checks import RESERVED, takes
from sweepboard.compose.config_layers import Layer, file_layers, sets, typed_layer
from sweepboard.compose.config_search import CONFIG
from sweepboard.compose.group_keys import shared_keys
from sweepboard.compose.locate import TARGET, locate, nodes
from sweepboard.compose.several_optimizers import drop_replaced_optimizer
from sweepboard.errors import ConfigError
from sweepboard.files import read_text
from sweepboard.settings import KEPT_BY_ANY_CLASS, NAMED_GROUPS, OPEN_GROUPS, is_program


@dataclass(frozen=True)
class Replacement:
    """The class `old` at `place`, replaced with another one.

    Of the earlier arguments those stay that the new class takes and that were not chosen for the old one:
    interpolations (`${facts.outputs}`), the learning rate, the folder of data. A class that is derived from
    the old one keeps all that it takes.
    """

    place: str
    old: str
    given: frozenset[str]
    """The keys that were set with the new class or later: they stay, right or wrong."""

    importing: bool = True
    """Whether the classes may be imported; if not, the new one is taken to accept everything."""

    def dropped(self, node: Mapping[str, Any]) -> list[str]:
        """Return the arguments in `node`, which has the new class, that were meant for the old one."""
        target = self._located(node[TARGET]) if self.importing else None
        if target is None and self.importing:  # reported when the whole configuration is checked
            return []
        return [name for name, value in node.items() if not self._stays(name, value, target)]

    def _stays(self, name: str, value: Any, target: Any) -> bool:
        if name in (*RESERVED, *shared_keys(self.place)) or sets(self.given, f"{self.place}.{name}"):
            return True
        if target is not None and not takes(target, name):
            return False
        return self._fits_any(name, value) or self._derives(target)

    def _fits_any(self, name: str, value: Any) -> bool:
        """Return whether an argument was chosen for no class in particular."""
        group, text = self.place.partition(".")[0], str(value)
        beside = "${." in text or f"${{{self.place}." in text  # follows an argument that may be dropped
        return name in KEPT_BY_ANY_CLASS.get(group, ()) or ("${" in text and not beside)

    def _derives(self, target: Any) -> bool:
        old = self._located(self.old) if isclass(target) else None
        return isclass(old) and issubclass(target, old)

    def _located(self, path: Any) -> Any:
        try:
            return locate(path, self.place)
        except ConfigError:
            return None


def follow_targets(
    config: DictConfig,
    overrides: Sequence[str],
    choices: Mapping[str, Any],
    config_dirs: Sequence[Path] = (),
    config_name: str = CONFIG,
) -> None:
    """Drop from `config` the arguments of classes that a later YAML file or a typed override replaced.

    `config` must have been composed from these overrides and folders, with these options of the groups.
    """
    if is_program(config):  # its groups are the user's own
        return
    if _types_target(overrides) or _own_yaml_replaces(choices, config_dirs, config_name):
        _follow(config, [*file_layers(overrides, config_dirs, config_name), typed_layer(overrides)])


def follow_typed_targets(config: DictConfig, overrides: Sequence[str], before: DictConfig) -> None:
    """Drop from `config` the arguments of classes of `before` that the overrides have replaced since."""
    if _types_target(overrides) and not is_program(config):
        targets = {f"{place}.{TARGET}": target for place, target in _targets(before)}
        _follow(config, [targets, typed_layer(overrides)])


def drop_unknown(config: DictConfig, overrides: Sequence[str]) -> None:
    """Drop from `config` what classes that were typed do not take, unless it was typed too.

    This is for a saved run, whose earlier classes are not known. Raise `ConfigError` if a class cannot be
    found.
    """
    if not _types_target(overrides):
        return
    typed = typed_layer(overrides)
    for place, target in _targets(config):
        if f"{place}.{TARGET}" in typed:
            for name in _unknown_arguments(locate(target, f"{place}.{TARGET}"), config, place):
                if not sets(typed, f"{place}.{name}"):
                    del OmegaConf.select(config, place)[name]


def overrides_of_hydra(config: DictConfig) -> list[str]:
    """Return all overrides from which Hydra composed a configuration, with `${...}` unresolved."""
    overrides: Any = OmegaConf.to_container(config.hydra.overrides, resolve=False)
    return [*overrides["hydra"], *overrides["task"]]


def _follow(config: DictConfig, layers: Sequence[Layer]) -> None:
    drop_replaced_optimizer(config, layers)
    for place, _ in _targets(config):
        replacement = _replaced_in(layers, place)
        if replacement is not None:
            node: Any = OmegaConf.select(config, place)
            for name in replacement.dropped(OmegaConf.to_container(node, resolve=False)):  # type: ignore[arg-type]
                del node[name]


def _replaced_in(layers: Sequence[Layer], place: str) -> Replacement | None:
    """Return what the layers, of which the last is the typed one, replaced at `place`; None for nothing."""
    having = [number for number, layer in enumerate(layers) if layer.get(f"{place}.{TARGET}") is not None]
    classes = [layers[number][f"{place}.{TARGET}"] for number in having]
    others = [number for number, each in zip(having, classes, strict=True) if each != classes[-1]]
    if not others:
        return None
    begin = next(number for number in having if number > others[-1])
    given = frozenset(layers[-1]).union(*layers[begin:])
    return Replacement(place, str(layers[others[-1]][f"{place}.{TARGET}"]), given)


def _own_yaml_replaces(choices: Mapping[str, Any], config_dirs: Sequence[Path], config_name: str) -> bool:
    """Return whether the user's own YAML may replace a class: the shipped YAML replaces none.

    This avoids that most commands read their files a second time.
    """
    named = {group: option if OmegaConf.is_list(option) else [option] for group, option in choices.items()}
    files = [(f"{group}/{one}", len(options) > 1) for group, options in named.items() for one in options]
    return any(_may_replace(name, merged, config_dirs) for name, merged in [(config_name, True), *files])


def _may_replace(name: str, merged: bool, config_dirs: Sequence[Path]) -> bool:
    """Return whether a file, which is `merged` over others, has a class; or one that it may build on."""
    paths = (Path(folder, f"{name}.yaml") for folder in config_dirs)
    file = next((path for path in paths if path.is_file()), None)
    text = read_text(file, follow=True) if file else ""
    if file is None or not (merged or "defaults" in text or "@package" in text):
        return False
    texts = (_text_of(each) for each in file.parent.glob("*.yaml") if "defaults" in text)
    return any(TARGET in each for each in (text, *texts))


def _text_of(file: Path) -> str:
    """Return the text of a file that may be used; empty if it cannot be read, since nothing has used it."""
    try:
        return read_text(file, follow=True)
    except (OSError, UnicodeDecodeError):
        return ""


def _types_target(overrides: Iterable[str]) -> bool:
    """Return whether an override may replace a class; Hydra refuses to add one where one is."""
    added = re.compile(rf"\+[^+={{]*\.{TARGET}=")
    return any(TARGET in one and not added.match(one) for one in overrides)


def _targets(config: DictConfig) -> list[tuple[str, Any]]:
    """Return the key of every node with a `_target_`, with the target, unless it is an interpolation."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    if is_program(plain):  # its groups are the user's own
        return []
    found = (each for group in (*OPEN_GROUPS, *NAMED_GROUPS) for each in nodes(plain.get(group), group))
    return [(place, node[TARGET]) for place, node in found if node[TARGET] and "${" not in str(node[TARGET])]


def _unknown_arguments(target: Any, config: DictConfig, place: str) -> list[str]:
    """Return the arguments at `place` that are not parameters of `target`."""
    keep = {*RESERVED, *shared_keys(place)}
    names = map(str, list(OmegaConf.select(config, place)))
    return [name for name in names if name not in keep and not takes(target, name)]
