"""Write and read a search: its settings, its space, and the configuration of each choice of groups.

A trial is one of these base configurations with values set by Hydra's own function. So a resumed search uses
the same YAML as its first trials, whatever has become of the files since.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard import plain_yaml
from sweepboard.compat.hydra import merge
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.interpolations import interpolations_of, leaves
from sweepboard.compose.overrides import apply_overrides
from sweepboard.compose.plain_types import check_plain
from sweepboard.compose.read_settings import read_settings
from sweepboard.compose.schema import schema_for
from sweepboard.compose.user_imports import import_modules
from sweepboard.errors import ConfigError, NotAllowed, UserError, reason
from sweepboard.files import read_text, write_atomic, writing
from sweepboard.search.objective import Objective
from sweepboard.search.space import Space, Values
from sweepboard.secrets import masked, masked_command, masked_overrides
from sweepboard.settings import SEARCH, Config, SearchSettings, is_program
from sweepboard.signing import Origin, origin, sign, why_no_key
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.launcher import LauncherChoice
from sweepboard.trust.allowlist import refuse_untrusted
from sweepboard.version import __version__

log = logging.getLogger(__name__)

_FORMAT = 1
_NOW = re.compile(r"\$\{now:([^{}]*)\}")


class DamagedSearch(UserError):
    """A search.yaml that cannot be read."""


@dataclass(frozen=True)
class Search:
    """The definition of a search; it does not change from the first trial to the last."""

    settings: SearchSettings
    space: Space
    fixed: tuple[str, ...]
    """The overrides that all trials share."""

    bases: dict[str, dict[str, Any]]
    """The configuration that Hydra composed for each choice of config groups, interpolations unresolved.

    A key holds the overrides of the choice, separated by blanks: `model=cnn`; empty if no group is searched.
    """

    objectives: tuple[Objective, ...] = ()
    validations: int = 1
    """The number of validations of a full trial; 0 if it is not known."""

    threads: int = 1
    """CPU threads of a trial without a number set by the user."""

    command: str = ""
    sweep: dict[str, Any] = field(default_factory=dict)
    """How its jobs are run (`SweepSettings`)."""

    launcher: LauncherChoice = field(default_factory=LauncherChoice)
    """The launcher of its jobs."""

    config_dirs: tuple[Path, ...] = ()
    """The user's own folders of YAML."""

    allowed: tuple[str, ...] | None = None
    """Names that the user trusts if the search is another user's; None for the user's own search."""

    @property
    def groups(self) -> set[str]:
        """The names of the config groups."""
        return {group for base in self.bases.values() for group in base["hydra"]["runtime"]["choices"]}

    @property
    def of_program(self) -> bool:
        """Whether its trials are runs of a training function of the user's own."""
        return any(map(is_program, self.bases.values()))

    @property
    def by_preset(self) -> bool:
        """Whether a preset selects the search, so that composing a trial would select it again."""
        blocks = [base["hydra"] for base in self.bases.values()]
        return any(
            block["mode"] == RunMode.MULTIRUN.name or block["sweeper"].get("params") for block in blocks
        )

    def overrides(self, values: Values) -> list[str]:
        """Return all overrides of a trial."""
        return [*self.fixed, *self.space.overrides(values)]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the configuration of the trial with these overrides. Raise `ConfigError`, `NotAllowed`."""
        choices = [override for override in overrides if override in self._choices]
        values = [
            override for override in overrides if override not in self._choices and override not in self.fixed
        ]
        try:
            config = deepcopy(self._composed[" ".join(choices)])
            apply_overrides(OverridesParser.create().parse_overrides(values), config)
        except Exception as error:
            raise explain(error, overrides, self.config_dirs) from error
        config.hydra.overrides.task = list(overrides)
        if self.allowed is None:
            import_modules(config)
        else:
            config.output_root = Config.output_root
            _refuse_resolvers(config)
            refuse_untrusted(_resolved(config), self.allowed, {"output_root": Config.output_root})
        return config

    @cached_property
    def _composed(self) -> dict[str, DictConfig]:
        return {choices: unfrozen(base) for choices, base in self.bases.items()}

    @cached_property
    def _choices(self) -> set[str]:
        overrides = {axis.override(value) for axis in self.space.axes for value in axis.ends}
        return {
            override
            for override in overrides
            if any(f" {override} " in f" {choices} " for choices in self.bases)
        }

    def as_plain(self) -> dict[str, Any]:
        """Return plain values for a file, secrets masked."""
        return {
            "command": masked_command(self.command),
            "settings": asdict(self.settings),
            "sweep": self.sweep,
            "launcher": masked(asdict(self.launcher)),
            "threads": self.threads,
            "validations": self.validations,
            "objectives": [asdict(objective) for objective in self.objectives],
            "space": [_listed(asdict(axis)) for axis in self.space.axes],
            "fixed": masked_overrides(self.fixed),
            "config_dirs": list(map(str, self.config_dirs)),
            "bases": masked(self.bases),
        }


def frozen(config: DictConfig, moment: datetime) -> dict[str, Any]:
    """Return a composed configuration with its `hydra` block as plain values, interpolations unresolved.

    All trials have the time of `moment`, because a resumed search is the same search.
    """
    plain: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    return {key: value if key == "hydra" else _at(moment, value) for key, value in plain.items()}


def _at(moment: datetime, value: Any) -> Any:
    """Return the plain value with `${now:...}` replaced."""
    if isinstance(value, Mapping):
        return {key: _at(moment, child) for key, child in value.items()}
    if isinstance(value, list):
        return [_at(moment, child) for child in value]
    if isinstance(value, str):
        return _NOW.sub(lambda found: moment.strftime(found[1]), value)
    return value


def unfrozen(plain: Mapping[str, Any]) -> DictConfig:
    """Return the configuration of plain values, in struct mode where Hydra had set it."""
    node = OmegaConf.merge({"hydra": OmegaConf.structured(HydraConf)}, schema_for(plain))
    assert isinstance(node, DictConfig)
    OmegaConf.set_struct(node.hydra, False)
    config = merge(node, plain)
    OmegaConf.set_struct(config.hydra, None)
    OmegaConf.set_struct(config, True)
    return config


def write_search(folder: SweepFolder, search: Search) -> None:
    """Write the search, signed as this user's own."""
    text = plain_yaml.dump({"format": _FORMAT, "sweepboard": __version__, **search.as_plain()})
    with writing(folder.search):
        signature = sign(text.encode())
        write_atomic(folder.search, f"{text}signature: {signature or 'null'}\n")
    if signature is None:
        log.warning("the search is not signed: %s", why_no_key())


_BAD_YAML = (yaml.YAMLError, OmegaConfBaseException)


@dataclass
class _Saved:
    """The fields of search.yaml."""

    command: str
    settings: SearchSettings
    sweep: dict[str, Any]
    launcher: LauncherChoice
    threads: int
    validations: int
    objectives: list[Objective]
    space: list[dict[str, Any]]
    fixed: list[str]
    config_dirs: list[str]
    bases: dict[str, dict[str, Any]]
    signature: str | None  # the last line: without it the rest may be cut short, too; null without a key


def read_search(folder: SweepFolder) -> Search:
    """Return the frozen search. Raise `DamagedSearch`."""
    path = folder.search
    try:
        saved = plain_yaml.load(read_text(path))
        check_plain(_Saved, saved)
        for base in saved["bases"].values():  # a `${` that was cut in two has no end
            OmegaConf.create(base)
        return Search(
            settings=read_settings(SearchSettings, saved["settings"], SEARCH),
            space=Space.from_plain(saved["space"]),
            fixed=tuple(saved["fixed"]),
            bases=saved["bases"],
            objectives=tuple(Objective(**each) for each in saved["objectives"]),
            validations=int(saved["validations"]),
            threads=int(saved["threads"]),
            command=str(saved["command"]),
            sweep=saved["sweep"],
            launcher=LauncherChoice(saved["launcher"]["option"], saved["launcher"]["settings"]),
            config_dirs=tuple(map(Path, saved["config_dirs"])),
        )
    except (OSError, ValueError, KeyError, TypeError, ConfigError, *_BAD_YAML) as error:
        raise DamagedSearch(f"{path} cannot be read: {reason(error)}") from error


def is_own_search(folder: SweepFolder) -> bool:
    """Return whether this user froze the search. Raise `DamagedSearch` if it was changed since."""
    text, _, signature = read_text(folder.search).rpartition("signature: ")
    found = origin(text.encode(), signature.strip())
    if found is Origin.CHANGED:
        raise DamagedSearch(f"{folder.search} is not what was frozen: put it back, or start a new search")
    return found is Origin.OWN


def _listed(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a value with tuples as lists, because plain YAML has no tuples."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def _refuse_resolvers(config: DictConfig) -> None:
    """Raise an error for `${...}` that is not another key: a resolver can run arbitrary code."""
    linked = interpolations_of(_task(config))
    for key, value in leaves(OmegaConf.to_container(_task(config), resolve=False), ""):
        if isinstance(value, str) and "$" in value and key not in linked:
            raise NotAllowed(
                f"{key}: {value} is not built from a run folder that is not yours: "
                "only other keys are followed; start a search of your own"
            )


def _task(config: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _resolved(config: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(_task(config), resolve=True)
    return dict(plain)
