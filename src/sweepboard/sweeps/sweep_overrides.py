"""Sort the overrides of a sweep's command: which take effect, and which are the sweep's own settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.overrides import extends, refuse_among_values
from sweepboard.errors import ConfigError
from sweepboard.names import key_of as key_of


def typed_overrides(config: DictConfig) -> list[str]:
    """Return the job overrides that `config` was composed for, with `${...}` unresolved."""
    overrides: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return list(overrides)


def is_setting(override: str) -> bool:
    """Return whether an override is a setting of the sweep itself: `sweep.jobs=2`, `sweep={jobs: 2}`."""
    return key_of(override).partition(".")[0] == "sweep"


def overrides_of_jobs(overrides: Sequence[str]) -> list[str]:
    """Return the overrides of the jobs. Raise `ConfigError` for a setting with several values."""
    for each in OverridesParser.create().parse_overrides(
        [override for override in overrides if is_setting(override)]
    ):
        refuse_several(each)
    return [override for override in overrides if not is_setting(override)]


def refuse_several(override: Override) -> None:
    """Raise `ConfigError` if a setting of the sweep is given several values."""
    if not override.is_sweep_override():
        return
    line = str(override.input_line).lstrip("+")
    key, _, text = line.partition("=")
    if key == "sweep.zip":
        keys = text.removeprefix("choice(").removesuffix(")")
        raise ConfigError(f"{line}: one list of keys is wanted; write {key}=[{keys}]")
    raise ConfigError(f"{line}: is one setting of the whole sweep; give it one value")


def last_of_each_key(overrides: Sequence[Override]) -> list[Override]:
    """Return the overrides that take effect: the last one of each key, and every mapping and deletion.

    `optimizer=sgd optimizer={lr: 0.1}` selects an option and changes a value in it: a mapping is merged into
    the existing value and a list is extended, as in a single run.
    """
    mappings = any(map(_builds_on, overrides))
    kept: dict[tuple[str, int], Override] = {}
    for place, override in enumerate(overrides, start=1):
        slot = (key_of(override.get_key_element()), place if _builds_on(override) else 0)
        if mappings:  # mappings are merged in order
            kept.pop(slot, None)
        kept[slot] = override
    return list(kept.values())


def _builds_on(override: Override) -> bool:
    """Return whether the override changes the existing value, or makes room for a new one with `+`."""
    makes_room = override.is_delete() and "." in override.key_or_group
    return takes_mapping(override) or extends(override) or makes_room


def takes_mapping(override: Override) -> bool:
    """Return whether the override has a mapping as a value."""
    return any(isinstance(value, dict) for value in _values(override))


def _values(override: Override) -> Iterator[object]:
    value = override.value()
    yield from value.list if isinstance(value, ChoiceSweep) else [value]


def refuse_two_of_a_key(overrides: Sequence[str], sweeper: str) -> None:
    """Raise `ConfigError` for a key with several overrides, of which Hydra's sweepers keep one."""
    found: set[str] = set()
    for override in last_of_each_key(OverridesParser.create().parse_overrides(list(overrides))):
        refuse_among_values(override)
        key = key_of(override.get_key_element())
        if key in found:
            raise ConfigError(
                f"{key}: hydra/sweeper={sweeper} takes one word of a key and would drop the others; "
                "use hydra/sweeper=grid"
            )
        found.add(key)


_ONLY_OF_SWEEPS = (
    "sweep",
    "hydra/sweeper",
    "hydra/launcher",
    "hydra.sweeper",
    "hydra.launcher",
    "hydra.sweep",
)


def refuse_without_multirun(overrides: Sequence[str], config: DictConfig) -> None:
    """Raise `ConfigError` if a single run is asked for something that only a sweep has.

    `config` is the composed configuration; with `hydra.mode=RUN` a single run is what the user wants.
    """
    if config.hydra.mode is not None:
        return
    for override in overrides:
        if key_of(override).startswith(_ONLY_OF_SWEEPS):
            raise ConfigError(f"{override}: is of a sweep, and this is one run; add -m")
    if config.hydra.sweeper.get("params"):
        raise ConfigError(
            "hydra.sweeper.params: a sweep is written there, and this is one run; add -m (or write "
            "mode: MULTIRUN beside the sweeper), or type hydra.mode=RUN for one run without them"
        )
