"""From a composed configuration to one that is known to work, before any folder is made or sample read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import ceil, prod
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.automatic import automatic
from sweepboard.compose.call_checks import check_node
from sweepboard.compose.chosen_options import chosen
from sweepboard.compose.config_search import OwnFolder
from sweepboard.compose.dry_run import rehearse
from sweepboard.compose.environment_numbers import read_numbers
from sweepboard.compose.hydra_errors import group_options
from sweepboard.compose.hydra_values import (
    enable_hydra_values,
    filled,
    templates_in,
    templates_of,
    unfilled,
)
from sweepboard.compose.instantiate import arguments, dataset_parts, open_data, settings_of, shared_keys
from sweepboard.compose.interpolations import follow, leaves, links_of, resolved
from sweepboard.compose.locate import TARGET
from sweepboard.compose.replaced_classes import follow_typed_targets
from sweepboard.compose.validate import check_settings
from sweepboard.data.splits import batches_per_epoch, split_sizes
from sweepboard.data.splits import check_settings as check_data
from sweepboard.data.types import DataSpec, Source
from sweepboard.errors import ConfigError
from sweepboard.settings import (
    OPEN_GROUPS,
    CheckpointSettings,
    DatasetSettings,
    EarlyStopping,
    Facts,
    TrainerSettings,
)
from sweepboard.training.intervals import length
from sweepboard.training.optimizer_patches import spare_the_compiler


@dataclass(frozen=True)
class Prepared:
    """A configuration in which everything has been checked that can be checked without the data."""

    config: dict[str, Any]
    """Plain containers, every interpolation and automatic value (device, threads, facts) filled in."""

    links: dict[str, str]
    """Keys that follow another one: `{"scheduler.max_lr": "optimizer.lr"}`."""

    groups: dict[str, str]
    """The options chosen: `{"model": "cnn", ...}`; a class where it took the place of the option's own."""

    overrides: list[str]
    """As typed."""

    source: Source
    """The data, described and not yet read."""

    own: bool = True
    """Whether all of it is this user's own word, and nothing came from someone else's run or sweep."""


class Check(Protocol):
    """Looks at a resolved configuration before anything that it names is imported."""

    def __call__(self, config: Mapping[str, Any], *, built: Sequence[str]) -> None:
        """Refuse what may not be built; the groups `built` are those that come next."""


_AFTER_DATA = ("model", "task", "optimizer", "scheduler")


def prepare(
    config: DictConfig, groups: Mapping[str, Any], overrides: Sequence[str], check: Check | None = None
) -> Prepared:
    """Check a composed configuration, with or without its `hydra` block, and fill in what the runner knows.

    `check` is asked about all that is going to be built, first of all and again of the final values.
    Raises `ConfigError` for the first mistake: its key, what is wrong, and what to type instead.
    """
    node = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    names_hydra = "${hydra:" in str(OmegaConf.to_container(node, resolve=False))
    if names_hydra:
        enable_hydra_values(config)
    _refuse_given_facts(node)
    if check is not None:
        check(_with_facts(node, _stand_ins()), built=["dataset"])
    follow_typed_targets(node, overrides)
    read_numbers(node)
    links = links_of(node)
    plain = _with_facts(node, _stand_ins())
    _check_words(plain, links)
    source = open_data(plain)
    facts = facts_of(plain, source)
    # The data set was opened with the values of the first look: a resolver may give others at the second.
    plain = {**_with_facts(node, facts), "dataset": plain["dataset"]}
    plain |= automatic(plain)
    for name in ("sweep", "imports"):  # how jobs are run, and what made the values, is no part of a run
        del plain[name]
    if check is not None:
        check(plain, built=_AFTER_DATA)
    if not plain["trainer"]["compile"]:
        spare_the_compiler()
    templates = templates_in(dict(leaves(plain, ""))) if names_hydra else {}
    rehearse(filled(plain, templates), source)
    plain, links = unfilled(plain, templates), {**links, **templates}
    return Prepared(plain, links, chosen(groups, plain, _own_folders(config)), list(overrides), source)


def _own_folders(config: DictConfig) -> list[Path]:
    """The user's own folders of YAML, where the configuration still says from which it was composed."""
    sources: Any = OmegaConf.select(config, "hydra.runtime.config_sources") or []
    return [Path(each.path) for each in sources if each.schema in ("file", OwnFolder.scheme())]


def prepare_plain(
    config: Mapping[str, Any],
    links: Mapping[str, str],
    groups: Mapping[str, str],
    overrides: Sequence[str],
    check: Check | None = None,
) -> Prepared:
    """The same for a saved plain configuration, in which `${...}` is text and only `links` follow others.

    The templates among the links stay what they are, and the values that they had where the run has been.
    """
    templates = templates_of(links)
    leaf = dict(leaves(config, ""))
    templates = {key: text for key, text in templates.items() if key in leaf}
    waiting = {key: text for key, text in templates.items() if leaf.get(key) == text}
    links = {key: other for key, other in links.items() if key not in templates}
    node = follow({**filled(config, waiting), "facts": {}}, links)
    prepared = prepare(node, groups, overrides, check)
    return replace(prepared, config=unfilled(prepared.config, waiting), links={**prepared.links, **templates})


def _refuse_given_facts(config: DictConfig) -> None:
    facts: Any = OmegaConf.to_container(config.facts)
    for name, value in facts.items():
        if value is not None:
            raise ConfigError(
                f"facts.{name}: follows from the data set and the length of the run; leave it out"
            )


def _with_facts(config: DictConfig, facts: Facts) -> dict[str, Any]:
    for item in fields(facts):
        config.facts[item.name] = getattr(facts, item.name)
    plain = resolved(config)
    for group in OPEN_GROUPS:
        if not isinstance(plain[group], dict):  # by a link to a value
            raise ConfigError(f"{group}: {plain[group]!r} is no group of settings; choose an option of it")
    return plain


def _stand_ins() -> Facts:
    """Facts of the right types, with which arguments can be checked before the data set is opened."""
    return Facts(**{item.name: [1] if item.name == "input_shape" else 1 for item in fields(Facts)})  # type: ignore[arg-type]


def _check_words(config: Mapping[str, Any], links: Mapping[str, str]) -> None:
    """All that can be told without opening the data: our own settings, and the arguments of every class."""
    check_settings(config)
    for group in OPEN_GROUPS:
        _check_group(config, group)
    for key, other in links.items():
        if key.startswith("dataset.") and other.startswith("facts."):
            raise ConfigError(f"{key}: ${{{other}}} follows from the data set; give a value")


def _check_group(config: Mapping[str, Any], group: str) -> None:
    node = arguments(config, group)
    if TARGET not in node:
        _check_without_target(node, group)
        return
    beside: dict[str, Any] = {}
    if group == "dataset":
        node, beside = dataset_parts(config)
    given = 1 if group in ("optimizer", "scheduler") else 0  # the parameters, the optimizer
    check_node(node, group, given, shared_keys(group))
    check_node(beside, group)


def _check_without_target(node: Mapping[str, Any], group: str) -> None:
    if group != "scheduler":
        options = ", ".join(group_options(group))
        raise ConfigError(f"{group}.{TARGET}: no class is named; type one, or {group}= and one of {options}")
    for name in node:
        raise ConfigError(
            f"scheduler.{name}: there is no scheduler to take it; choose one, such as scheduler=cosine"
        )


def facts_of(config: Mapping[str, Any], source: Source) -> Facts:
    """What `source` and the length of the run decide. Raises `ConfigError` where settings do not fit them."""
    dataset = settings_of(DatasetSettings, config["dataset"])
    check_data(dataset, source)
    _check_validation(config, "val" in split_sizes(dataset, source))
    steps, per_epoch = length(trainer_settings(config), batches_per_epoch(dataset, source))
    return Facts(
        **_shapes(source.spec), steps=steps, epochs=ceil(steps / per_epoch), steps_per_epoch=per_epoch
    )


def _shapes(spec: DataSpec) -> dict[str, Any]:
    shape = spec.input_shape
    return {
        "input_shape": list(shape),
        "outputs": spec.outputs,
        "classes": spec.classes,
        "channels": shape[0] if shape else 1,
        "features": prod(shape),
    }


def _check_validation(config: Mapping[str, Any], validates: bool) -> None:
    needs = {
        "trainer.early_stopping.patience": config["trainer"]["early_stopping"]["patience"] is not None,
        "scheduler.interval": config["scheduler"]["interval"] == "validation",
    }
    for key, needed in needs.items():
        if needed and not validates:
            raise ConfigError(f"{key}: needs a validation, and there is none; set dataset.val_fraction=0.1")


def trainer_settings(config: Mapping[str, Any]) -> TrainerSettings:
    """The `trainer` group of a plain configuration as the object that the loop takes."""
    values = dict(config["trainer"])
    stopping, saving = (
        EarlyStopping(**values.pop("early_stopping")),
        CheckpointSettings(**values.pop("checkpoint")),
    )
    return TrainerSettings(**values, early_stopping=stopping, checkpoint=saving)
