"""The configuration of a run as one immutable value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from sweepboard import plain_yaml
from sweepboard.compose.plain_types import check_plain, field_types
from sweepboard.names import with_value, without
from sweepboard.secrets import known_secrets, masked, masked_overrides
from sweepboard.settings import (
    PROGRAM,
    DatasetSettings,
    LoggingSettings,
    ProgramSettings,
    SchedulerSettings,
    TrainerSettings,
    WeightsSettings,
    is_program,
    keys_with,
)
from sweepboard.signing import as_bytes

S = TypeVar("S")


@dataclass(frozen=True)
class Settings:
    """The runner's own settings of a run, as typed objects."""

    trainer: TrainerSettings
    dataset: DatasetSettings
    scheduler: SchedulerSettings
    logging: LoggingSettings
    weights: WeightsSettings


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what is built and trained. Do not change its containers in place."""

    values: dict[str, Any]
    """Plain containers with every interpolation resolved; `${...}` in them is text."""

    interpolations: dict[str, str] = field(default_factory=dict)
    """Keys that follow another key, `{"scheduler.max_lr": "optimizer.lr"}`, or a template with values of the
    run (`compose.hydra_values`)."""

    groups: dict[str, str] = field(default_factory=dict)
    """The chosen option of each group, `{"model": "cnn", ...}`, or the class that replaced its class."""

    overrides: list[str] = field(default_factory=list)
    """All overrides as typed, both of the saved configuration and of this command."""

    own: bool = field(default=True, compare=False)
    """Whether this user typed all of it; False for a foreign run or sweep."""

    writes_only: list[str] = field(default_factory=list, compare=False)
    """Keys of the callbacks and loggers that change no result: `callbacks.gradient_norm`."""

    typed: dict[str, Any] = field(default_factory=dict, compare=False)
    """Values, by key, that this user typed or chose with an option on top of a saved configuration."""

    def with_overrides(self, overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> RunConfig:
        """Return this configuration with `overrides` in Hydra's grammar applied. Raise `ConfigError`."""
        from sweepboard.compose.config_draft import Draft  # imports Hydra, which reading a run does not need

        draft = Draft(**deepcopy({item.name: getattr(self, item.name) for item in fields(self)}))
        draft.apply(overrides, self.yaml(config_dirs))
        return RunConfig(**vars(draft))

    def yaml(self, config_dirs: Sequence[Path]) -> Sequence[Path]:
        """Return the user's folders of YAML as Hydra composes from them for this configuration."""
        from sweepboard.compose.program_yaml import ProgramYaml  # imports Hydra

        if self.program is None:
            return config_dirs
        return ProgramYaml(tuple(config_dirs), self.program.config, self.values[PROGRAM])

    def with_values(self, **values: Any) -> RunConfig:
        """Return this configuration with new values for some top-level keys."""
        return replace(self, values={**self.values, **values})

    def with_leaves(
        self, leaves: Sequence[tuple[Sequence[Any], Any]], overrides: Sequence[str] | None = None
    ) -> RunConfig:
        """Return this configuration with other values at some paths, and the `overrides` that give them.

        Raise KeyError for a path that is not there. A number is no secret: what is known of the other values
        need not be worked out again.
        """
        values = self.values
        for path, value in leaves:
            values = with_value(values, path, value)
        changed = replace(
            self, values=values, overrides=self.overrides if overrides is None else [*overrides]
        )
        if all(isinstance(value, int | float) for _, value in leaves):
            vars(changed)["_original"] = self, {path[0] for path, _ in leaves}
        return changed

    @property
    def _like(self) -> tuple[RunConfig, set[str]] | None:
        """A configuration without secrets that has other numbers, and the first keys of these numbers."""
        found: tuple[RunConfig, set[str]] | None = vars(self).get("_original")
        return found if found and found[0].safe is found[0].values else None

    @property
    def training(self) -> dict[str, Any]:
        """The values without the callbacks and loggers that change no result."""
        return without(self.values, self.writes_only)

    @cached_property
    def settings(self) -> Settings:
        """The runner's own settings as typed objects."""
        values = self.values
        return Settings(
            trainer=settings_of(TrainerSettings, values["trainer"]),
            dataset=settings_of(DatasetSettings, values["dataset"]),
            scheduler=settings_of(SchedulerSettings, values["scheduler"]),
            logging=settings_of(LoggingSettings, values["logging"]),
            weights=settings_of(WeightsSettings, values["weights"]),
        )

    @cached_property
    def program(self) -> ProgramSettings | None:
        """The settings of the user's own training function; None for a run of the trainer."""
        return settings_of(ProgramSettings, self.values[PROGRAM]) if is_program(self.values) else None

    @property
    def data_root(self) -> str:
        """The folder of the data, which tells data sets without a digest apart."""
        return "" if self.program else str(self.values["dataset"].get("root"))

    @property
    def data_workers(self) -> int:
        """The number of processes that load data."""
        return 0 if self.program else int(self.values["dataset"]["workers"])

    @property
    def nodes(self) -> int:
        """The machines that the run needs."""
        return 1 if self.program else int(self.values["trainer"]["nodes"])

    @property
    def ranks_per_node(self) -> int:
        """The processes that train the run on each machine."""
        return 1 if self.program else int(self.values["trainer"]["devices"])

    @property
    def ranks(self) -> int:
        """The number of processes that train the run."""
        return self.ranks_per_node * self.nodes

    @property
    def device(self) -> str:
        """The device that the run computes on."""
        return self.program.device if self.program else str(self.values["device"])

    @property
    def logs(self) -> bool:
        """Whether the run writes event files."""
        return self.program is not None or self.settings.logging.enabled

    @property
    def seed(self) -> int:
        """The start of every random sequence; 0 where a function's own configuration has none."""
        seed = self.values.get("seed")
        return seed if isinstance(seed, int) else 0

    @property
    def steps(self) -> int:
        """The planned length of the run in steps; 0 if only the user's own function knows it."""
        return 0 if self.program else int(self.values["facts"]["steps"])

    @cached_property
    def safe(self) -> dict[str, Any]:
        """The values without secrets: the same object if there are none."""
        return self.values if self._like else masked(self.values)

    @cached_property
    def safe_overrides(self) -> list[str]:
        """The overrides without secrets."""
        return masked_overrides(self.overrides, self._known_secrets)

    @cached_property
    def _known_secrets(self) -> tuple[str, ...]:
        return self._like[0]._known_secrets if self._like else known_secrets()

    @cached_property
    def text(self) -> str:
        """The values as YAML with secrets masked, as in config.yaml."""
        return plain_yaml.dump(self.safe)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the values, without secrets and without the location of the results."""
        return hashlib.sha256(as_bytes(self._texts)).hexdigest()

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The values without secrets and places as JSON, by their first keys in order."""
        if self._like:
            like, changed = self._like
            return {
                key: _json(self.safe[key]) if key in changed else text for key, text in like._texts.items()
            }
        places = keys_with("place")
        return {key: _json(self.safe[key]) for key in sorted(self.safe) if key not in places}

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of all that `as_plain` has, without secrets and places."""
        rest = self.safe_overrides, self.groups, self.interpolations, self.writes_only
        return hashlib.sha256(as_bytes(self.digest, *rest)).hexdigest()

    def as_plain(self) -> dict[str, Any]:
        """Return the configuration as plain containers for a file, with secrets masked."""
        return {
            "overrides": self.safe_overrides,
            "groups": self.groups,
            "interpolations": self.interpolations,
            "writes_only": self.writes_only,
            "config": self.safe,
        }

    @classmethod
    def from_plain(cls, plain: Any) -> RunConfig:
        """Return the configuration from the plain containers of `as_plain`. Raise `WrongType`."""
        check_plain(_Plain, plain)
        parts = plain["config"], plain["interpolations"], plain["groups"], plain["overrides"]
        return cls(*parts, writes_only=plain["writes_only"])

    def to_sign(self) -> bytes:
        """Return the bytes to sign; a valid signature shows that this user saved the configuration."""
        return as_bytes(self.values, self.interpolations, self.groups, self.overrides)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@dataclass
class _Plain:
    """The required keys of a configuration in a file, with their types."""

    overrides: list[str]
    groups: dict[str, str]
    interpolations: dict[str, str]
    writes_only: list[str]
    config: dict[str, Any]


def settings_of(cls: type[S], group: Mapping[str, Any]) -> S:
    """Return the settings dataclass `cls`, including nested ones, from its keys in `group`."""
    return cls(**{name: _typed(kind, group[name]) for name, kind in field_types(cls).items()})  # type: ignore[arg-type]


def _typed(kind: Any, value: Any) -> Any:
    return settings_of(kind, value) if isinstance(kind, type) and is_dataclass(kind) else value
