"""The configuration of a run as one frozen value: what is prepared, planned, saved, changed and built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from sweepboard.compose.plain_types import check_plain
from sweepboard.secrets import masked, masked_overrides
from sweepboard.settings import (
    DatasetSettings,
    LoggingSettings,
    SchedulerSettings,
    TrainerSettings,
    keys_with,
)
from sweepboard.signing import as_bytes

S = TypeVar("S")


@dataclass(frozen=True)
class Settings:
    """The runner's own settings of a run, typed."""

    trainer: TrainerSettings
    dataset: DatasetSettings
    scheduler: SchedulerSettings
    logging: LoggingSettings


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what is built and trained. Nothing in it is ever changed in place."""

    values: dict[str, Any]
    """Plain containers, every interpolation resolved; `${...}` in a text is just text."""

    interpolations: dict[str, str] = field(default_factory=dict)
    """Keys that follow another key, `{"scheduler.max_lr": "optimizer.lr"}`, or a template with values that
    only the run itself has (`compose.hydra_values`)."""

    groups: dict[str, str] = field(default_factory=dict)
    """The chosen option of each group, `{"model": "cnn", ...}`; a class where it replaced the option's."""

    overrides: list[str] = field(default_factory=list)
    """As typed, then and now."""

    own: bool = field(default=True, compare=False)
    """Whether all of it was typed by this user; False for the run or sweep of someone else."""

    typed: dict[str, Any] = field(default_factory=dict, compare=False)
    """Values by key that this user has typed on top of a saved configuration, or chosen with an option."""

    def with_overrides(self, overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> RunConfig:
        """Return this configuration with `overrides` in Hydra's grammar applied. Raise `ConfigError`."""
        from sweepboard.compose.config_draft import Draft  # imports Hydra, which reading a run does not

        draft = Draft(**deepcopy({item.name: getattr(self, item.name) for item in fields(self)}))
        draft.apply(overrides, config_dirs)
        return RunConfig(**vars(draft))

    def with_values(self, **values: Any) -> RunConfig:
        """Return this configuration with other values of some top-level keys."""
        return replace(self, values={**self.values, **values})

    @cached_property
    def settings(self) -> Settings:
        """The runner's own settings as typed objects."""
        values = self.values
        return Settings(
            trainer=settings_of(TrainerSettings, values["trainer"]),
            dataset=settings_of(DatasetSettings, values["dataset"]),
            scheduler=settings_of(SchedulerSettings, values["scheduler"]),
            logging=settings_of(LoggingSettings, values["logging"]),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the values, without secrets and without where the results go."""
        places = keys_with("place")
        kept = {key: value for key, value in masked(self.values).items() if key not in places}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()

    @property
    def checksum(self) -> str:
        """SHA-256 of everything that decides what is built; with `digest` in the place of the values."""
        rest = masked_overrides(self.overrides), self.groups, self.interpolations
        return hashlib.sha256(as_bytes(self.digest, *rest)).hexdigest()

    def as_plain(self) -> dict[str, Any]:
        """Return the configuration for a file, secrets masked."""
        return {
            "overrides": masked_overrides(self.overrides),
            "groups": self.groups,
            "interpolations": self.interpolations,
            "config": masked(self.values),
        }

    @classmethod
    def from_plain(cls, plain: Any) -> RunConfig:
        """Return the configuration that `as_plain()` gave. Raise `WrongType`."""
        check_plain(_Plain, plain)
        return cls(plain["config"], plain["interpolations"], plain["groups"], plain["overrides"])

    def to_sign(self) -> bytes:
        """Return the content whose signature says that the configuration is this user's own."""
        return as_bytes(self.values, self.interpolations, self.groups, self.overrides)


@dataclass
class _Plain:
    """What a file with a configuration must hold."""

    overrides: list[str]
    groups: dict[str, str]
    interpolations: dict[str, str]
    config: dict[str, Any]


def settings_of(cls: type[S], group: Mapping[str, Any]) -> S:
    """Return the dataclass of a group's settings, nested ones too, from those keys that are its own."""
    kinds = get_type_hints(cls)
    names = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    return cls(**{name: _typed(kinds[name], group[name]) for name in names})


def _typed(kind: Any, value: Any) -> Any:
    return settings_of(kind, value) if isinstance(kind, type) and is_dataclass(kind) else value
