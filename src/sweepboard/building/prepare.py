"""Check and complete a composed configuration before a folder is created or a sample is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from omegaconf import DictConfig, OmegaConf

from sweepboard.building.callbacks import check_callbacks, writes_only
from sweepboard.building.dry_run import dry_run
from sweepboard.building.facts import facts_of, refuse_given_facts, refuse_unknown_facts, stand_ins
from sweepboard.building.open_data import check_dataset, open_data
from sweepboard.building.optimizer_nodes import check_optimizers
from sweepboard.building.schedules import check_schedulers
from sweepboard.building.trial_model import InitialModel, initial_model
from sweepboard.compat.torch import avoid_compiler_import
from sweepboard.compose.automatic import automatic, device_for
from sweepboard.compose.call_checks import check_node
from sweepboard.compose.chosen_options import chosen
from sweepboard.compose.computed_values import refuse_computed_values
from sweepboard.compose.config_search import OwnFolder
from sweepboard.compose.environment_numbers import read_numbers
from sweepboard.compose.group_keys import arguments, shared_keys
from sweepboard.compose.hydra_errors import group_options
from sweepboard.compose.hydra_values import (
    enable_hydra_values,
    filled,
    templates_in,
    templates_of,
    unfilled,
    with_run_values,
)
from sweepboard.compose.interpolations import follow, interpolations_of, leaves, resolved
from sweepboard.compose.locate import TARGET
from sweepboard.compose.replaced_classes import drop_unknown
from sweepboard.compose.run_config import RunConfig
from sweepboard.compose.validate import check_settings
from sweepboard.data.types import ENDLESS, NO_DATA, Source, class_names
from sweepboard.errors import ConfigError
from sweepboard.settings import (
    NAMED_GROUPS,
    NOT_OF_A_RUN,
    OPEN_GROUPS,
    WEIGHTS,
    Facts,
    is_program,
)

if TYPE_CHECKING:
    from sweepboard.execution import Resources


@dataclass(frozen=True)
class Prepared:
    """A configuration that passed every check that is possible without reading the data."""

    config: RunConfig
    """The configuration with every interpolation and automatic value (device, threads, facts) filled in."""

    source: Source
    """The description of the data, which has not been read yet."""

    metrics: list[str] | None = None
    """The names of the metrics; None if only the first validation will show them."""

    initial: InitialModel | None = None
    """The model, if it was built for a run in this process."""
    anew: bool = True
    """Whether the run begins anew: with `weights.path`, and not with a checkpoint of its own."""

    folder: Path | None = None
    """The folder of the run, once it has one."""

    @property
    def samples(self) -> dict[str, int]:
        """The number of samples in each split."""
        return {name: size for name, size in self.source.sizes.items() if size != ENDLESS}

    @property
    def classes(self) -> list[str]:
        """The names of the classes; empty if there are none."""
        return class_names(self.source.spec)

    def placed(self, folder: Path, number: int = 0) -> Prepared:
        """Return a copy with the values of the run in `folder`, job `number` of its sweep."""
        return replace(self, config=with_run_values(self.config, folder, number), folder=folder)


def prepared_again(config: RunConfig) -> Prepared:
    """Return a configuration that was prepared before, as it is; the data set is opened again.

    Raise `ConfigError` if its device is not here: it may have been prepared on another machine.
    """
    device_for(config.device)
    return Prepared(config, NO_DATA if config.program else open_data(config.values, config.own))


class Check(Protocol):
    """A check of resolved values that is called before any target in them is imported."""

    def __call__(self, config: Mapping[str, Any], *, built: Sequence[str]) -> None:
        """Raise `NotAllowed` for a value that must not be built; the groups in `built` are built next."""


_AFTER_DATA = ("model", "task", "optimizer", "scheduler")


def prepare(
    config: DictConfig,
    groups: Mapping[str, Any],
    overrides: Sequence[str],
    check: Check | None = None,
    keep_model: bool = False,
    anew: bool = True,
    resources: Resources | None = None,
) -> Prepared:
    """Check a composed configuration, with or without its `hydra` block, and fill in automatic values.

    `check` is called twice with the values to be built: before any target is imported, and with the final
    values. `keep_model` keeps the model for a run in this process, so that it is built once. `weights.path`
    is read only `anew`. The run will run here, or with an executor's `resources`. Raise `ConfigError` for the
    first mistake, with its key, the reason and what to type instead.
    """
    node = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    names_hydra = "${hydra:" in str(OmegaConf.to_container(node, resolve=False))
    if names_hydra:
        enable_hydra_values(config)
    if is_program(node):
        from sweepboard.building.program import program_config  # most runs start sooner without it

        return Prepared(program_config(node, groups, overrides, check, resources), NO_DATA)
    refuse_given_facts(node)
    if check is not None:
        check(_read(_with_facts(node, stand_ins()), anew), built=["dataset"])
    plain, interpolations = _checked_without_data(node, overrides, names_hydra)
    source = open_data(plain, own=check is None)
    plain = _with_values_of(source, node, plain, interpolations, resources)
    if check is not None:
        check(_read(plain, anew), built=_AFTER_DATA)
    if not plain["trainer"]["compile"]:
        avoid_compiler_import()
    templates = templates_in(dict(leaves(plain, ""))) if names_hydra else {}
    tried = RunConfig(filled(plain, templates))
    initial = initial_model(tried) if keep_model else None
    metrics = dry_run(tried, source, initial, anew)
    plain = unfilled(plain, templates)
    options = chosen(groups, plain, _own_folders(config))
    made = RunConfig(plain, {**interpolations, **templates}, options, list(overrides))
    return Prepared(replace(made, writes_only=writes_only(plain)), source, metrics, initial, anew)


def _checked_without_data(
    node: DictConfig, overrides: Sequence[str], names_hydra: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values with stand-ins for the facts, and the interpolations. Raise `ConfigError`."""
    drop_unknown(node, overrides)
    read_numbers(node)
    interpolations = interpolations_of(node)
    plain = _with_facts(node, stand_ins())
    if names_hydra:
        refuse_computed_values(node)
    _check_without_data(plain, interpolations)
    return plain, interpolations


def _with_values_of(
    source: Source,
    node: DictConfig,
    opened: Mapping[str, Any],
    interpolations: Mapping[str, str],
    resources: Resources | None,
) -> dict[str, Any]:
    """Return the values of a run with the facts of its data set and all automatic values filled in."""
    facts = facts_of(opened, source)
    refuse_unknown_facts(interpolations, facts, source)
    # Keep the values with which the data set was opened: a resolver may return others the second time.
    plain = {**_with_facts(node, facts), "dataset": opened["dataset"]}
    plain |= automatic(plain, resources)
    for name in NOT_OF_A_RUN:
        del plain[name]
    return plain


def _read(values: dict[str, Any], anew: bool) -> dict[str, Any]:
    """Return the values that are read: a run that goes on reads no initial weights."""
    return values if anew else {key: each for key, each in values.items() if key != WEIGHTS}


def _own_folders(config: DictConfig) -> list[Path]:
    """Return the user's own folders of YAML, if the configuration still has its `hydra` block."""
    sources: Any = OmegaConf.select(config, "hydra.runtime.config_sources") or []
    return [Path(each.path) for each in sources if each.schema in ("file", OwnFolder.scheme())]


def prepare_resolved(
    config: RunConfig,
    check: Check | None = None,
    keep_model: bool = False,
    anew: bool = True,
    resources: Resources | None = None,
) -> Prepared:
    """Check a resolved configuration like a new one; `${...}` in its values is text.

    The other arguments are those of `prepare`. Templates among the interpolations stay templates. The values
    that an earlier run filled in are kept.
    """
    leaf = dict(leaves(config.values, ""))
    templates = {key: text for key, text in templates_of(config).items() if key in leaf}
    waiting = {key: text for key, text in templates.items() if leaf[key] == text}
    followed = {key: other for key, other in config.interpolations.items() if key not in templates}
    facts: dict[str, Any] = {} if config.program else {"facts": {}}
    node = follow({**filled(config.values, waiting), **facts}, followed)
    prepared = prepare(node, config.groups, config.overrides, check, keep_model, anew, resources)
    fresh = prepared.config
    values, interpolations = unfilled(fresh.values, waiting), {**fresh.interpolations, **templates}
    return replace(
        prepared, config=replace(fresh, values=values, interpolations=interpolations, own=config.own)
    )


def _with_facts(config: DictConfig, facts: Facts) -> dict[str, Any]:
    for item in fields(facts):
        config.facts[item.name] = getattr(facts, item.name)
    plain = resolved(config)
    for group in (*OPEN_GROUPS, *NAMED_GROUPS):
        if not isinstance(plain[group], dict):  # the group is an interpolation of a plain value
            raise ConfigError(f"{group}: {plain[group]!r} is no group of settings; choose an option of it")
    return plain


def _check_without_data(config: Mapping[str, Any], interpolations: Mapping[str, str]) -> None:
    """Check the runner's own settings and the arguments of every class. Raise `ConfigError`."""
    check_settings(config)
    for group in (group for group in OPEN_GROUPS if group not in ("optimizer", "scheduler")):
        check_group(config, group)
    check_callbacks(config)
    check_optimizers(config["optimizer"])
    check_schedulers(config)
    for key, other in interpolations.items():
        if key.startswith("dataset.") and other.startswith("facts."):
            raise ConfigError(f"{key}: ${{{other}}} follows from the data set; give a value")


def check_group(config: Mapping[str, Any], group: str) -> None:
    """Check the arguments of the classes in a group of a plain configuration. Raise `ConfigError`."""
    node = arguments(config, group)
    if TARGET not in node:
        options = ", ".join(group_options(group))
        raise ConfigError(f"{group}.{TARGET}: no class is named; type one, or {group}= and one of {options}")
    if group == "dataset":
        check_dataset(config)
        return
    check_node(node, group, shared=shared_keys(group))
