"""Private names of Hydra and OmegaConf, and what differs between Hydra 1.3 and 1.4.

Read from hydra-core 1.3.8 with omegaconf 2.3.1, and hydra-core 1.4.0rc3 with omegaconf 2.4.1rc1.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module
from typing import Any, cast

from hydra import utils, version
from hydra._internal.callbacks import Callbacks as Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl as ConfigLoaderImpl
from hydra._internal.core_plugins.bash_completion import BashCompletion
from hydra._internal.core_plugins.file_config_source import FileConfigSource as FileConfigSource
from hydra._internal.grammar import grammar_functions
from hydra._internal.grammar.functions import Functions
from hydra._internal.hydra import Hydra as Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import _locate, create_config_search_path, get_args_parser
from hydra.core import utils as core_utils
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser import overrides_parser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import InstantiationException
from hydra.initialize import get_gh_backup, restore_gh_from_backup
from hydra.plugins.config_source import ConfigSource
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigTypeError, OmegaConfBaseException

# What is imported above under its own name, for others to use:
#   Callbacks         those of `hydra.callbacks`; a plug-in gets them in its HydraContext
#   ConfigLoaderImpl  loads configurations; a launcher asks it for the one of each job. When it goes, derive
#                     from ConfigLoader
#   FileConfigSource  a folder of YAML; when it goes, derive from ConfigSource and read the files
#   Hydra             the application; when it goes, hydra.compose and `hydra.initialize` compose,
#                     and `--cfg`, `--info` and `--hydra-help` have to be answered by us

_UNCHECKED: Any = getattr(utils, "UNSAFE_DISABLE_EXECUTION_CHECKS", None)
_IS_1_3 = _UNCHECKED is None


@contextmanager
def application(name: str, shipped: str, folders: Sequence[str]) -> Iterator[Hydra]:
    """Yield Hydra, ready to compose from the sources `folders` in this order, and then from `shipped`.

    Hydra's state is restored afterwards. Hydra 1.4 has `initialize_config_search_path`; use that when 1.3,
    whose public functions take one source only, is no longer supported.
    """
    before = get_gh_backup()
    GlobalHydra.instance().clear()  # inside a sweep there is one
    use_behaviour_of_1_3()
    path = create_config_search_path(shipped)
    for folder in reversed(folders):
        path.prepend("own", folder)
    try:
        yield Hydra.create_main_hydra2(name, path)
    finally:
        restore_gh_from_backup(before)


def use_behaviour_of_1_3() -> None:
    """Set `version_base`. Hydra 1.4 deprecates it and has no other behaviour: delete this with 1.3."""
    if _IS_1_3:
        version.setbase("1.3")


def store_config(name: str, node: Any) -> None:
    """Register `node` in Hydra as the configuration `name`, replacing an earlier one.

    Hydra 1.4 warns without `replace=True`, which 1.3 does not accept: pass it when 1.3 is no longer
    supported.
    """
    options: dict[str, Any] = {} if _IS_1_3 else {"replace": True}
    ConfigStore.instance().store(name=name, node=node, **options)


_STORED: dict[str, Any] = {}


def store_config_once(name: str, make: Callable[[], Any]) -> None:
    """Register what `make` returns as the configuration `name`, unless this process did that before."""
    store, key = ConfigStore.instance().repo, f"{name}.yaml"
    if key not in store or store[key] is not _STORED.get(name):
        store_config(name, make())
        _STORED[name] = store[key]


def register_source(source: type[ConfigSource]) -> None:
    """Let a search path hold `source`.

    When the registry goes, use `Plugins.instance().register(source)`, which rejects modules outside
    `hydra_plugins` in Hydra 1.3.
    """
    SourcesRegistry.instance().register(source)


def instantiate(config: DictConfig, *leading: Any) -> Any:
    """Build the object of `config`, except targets on Hydra's own list of dangerous ones.

    Raise `InstantiationException` with a line `full_key: ...`, and the constructor's error as its cause.
    Hydra 1.4 wants a whitelist from its caller, and rejects an object that a listed function returns unless
    its class is listed, too, which cannot be known in advance. So its checks are switched off, and the check
    of 1.3 is done here. Our own allow-list has decided before what a foreign run may build.
    """
    if _IS_1_3:
        return utils.instantiate(config, *leading)
    for target in _targets(OmegaConf.to_container(config, resolve=False)):
        _refuse_dangerous(target)
    try:
        return utils.instantiate(config, *leading, _execution_whitelist_=_UNCHECKED)
    except InstantiationException:
        raise
    except Exception as error:
        notes = getattr(error, "__notes__", [])  # the last one is Hydra's; Python 3.10 has none
        raise InstantiationException("\n".join(["Error in call to target:", *notes[-1:]])) from error


RESOLVED = 2 if _IS_1_3 else 1
"""How often `instantiate` resolves a text in which `${...}` stands, and has to be escaped as often."""


def _targets(node: Any) -> Iterator[str]:
    """Yield every `_target_` in a plain value."""
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _targets(child)


def _refuse_dangerous(target: str) -> None:
    """Raise `InstantiationException` for a target on Hydra 1.4's list, under any of its names.

    As `hydra._internal.instantiate._instantiate2._resolve_target` does without a whitelist. When these
    functions go, drop the check: our allow-list is the first line of defence.
    """
    execution_policy: Any = import_module("hydra._internal.execution_policy")
    execution_policy._authorize_target_name(target, target, "", None)
    with suppress(ImportError):  # which `instantiate` will tell
        execution_policy._authorize_resolved_target_identity(_locate(target), target, "", None)


def callbacks_of(config: DictConfig) -> Callbacks:
    """Return the callbacks in `hydra.callbacks`, built like all other objects."""
    made = Callbacks()
    nodes = OmegaConf.select(config, "hydra.callbacks") or {}
    made.callbacks = [instantiate(node) for node in nodes.values()]
    return made


hydras_functions = overrides_parser.create_functions
_set_values = ConfigLoaderImpl._apply_overrides_to_config


def set_values(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Apply `overrides` to a composed configuration, as Hydra does. When it goes, compose again."""
    _set_values(list(overrides), config)


def replace_overrides(
    functions: Callable[[], Functions], apply: Callable[[Sequence[Override], DictConfig], None]
) -> None:
    """Make Hydra parse overrides with `functions` and apply them with `apply` everywhere.

    When these names go, parse and apply the overrides before they are passed to Hydra.
    """
    overrides_parser.create_functions = functions
    ConfigLoaderImpl._apply_overrides_to_config = staticmethod(apply)  # type: ignore[assignment]


def value_of(override: Override) -> Any:
    """Return the parsed value with its quotes. When it goes, use `value()`, which drops the quotes."""
    return override._value


def as_written(value: Any) -> str:
    """Return a parsed value as text of an override. When it goes, write values ourselves."""
    return Override._get_value_element_as_str(value)


def as_plain(value: Any) -> Any:
    """Return the plain value of a parsed one. When it goes: a `QuotedString`'s text, else the value."""
    return Override._convert_value(value)


def merge(node: DictConfig, values: Mapping[str, Any]) -> DictConfig:
    """Return `values` merged into `node`. Raise `OmegaConfBaseException` for a mismatch.

    OmegaConf 2.4 raises a TypeError for a list in place of a mapping, and 2.3 an error of its own.
    """
    try:
        return cast(DictConfig, OmegaConf.merge(node, values))
    except OmegaConfBaseException:
        raise
    except TypeError as error:
        raise ConfigTypeError(str(error)) from error


def is_node(config: DictConfig, key: str) -> bool:
    """Return whether `key` holds a mapping or list, without resolving. OmegaConf has no public way."""
    return OmegaConf.is_config(config._get_node(key))


def hydras_flags() -> argparse.ArgumentParser:
    """Return the parser of Hydra's flags. When it goes, list the flags in `cli`."""
    return get_args_parser()


def register_resolver(name: str, function: Callable[..., Any]) -> None:
    """Register `function` as the resolver `${name:...}`, replacing an earlier one.

    OmegaConf 2.4 renamed `register_new_resolver`; 2.3 has an older `register_resolver`.
    """
    register: Any = OmegaConf.register_new_resolver if _IS_1_3 else OmegaConf.register_resolver
    register(name, function, replace=True)


def message_of(error: Exception) -> str:
    """Return the text of a composition error in the form of Hydra 1.3."""
    return re.sub(
        r"Invalid Defaults List override '.*?'\.\s+No earlier Group Default for '(.+?)' exists to override\.",
        r"Could not override '\1'. No match in the defaults list",
        str(error),
    )


def whole_config(error: OmegaConfBaseException) -> dict[str, Any]:
    """Return the configuration, plain and without `hydra`, in which OmegaConf missed a key, if it tells."""
    node: Any = error.parent_node
    root: Any = OmegaConf.to_container(node._get_root()) if OmegaConf.is_config(node) else {}
    return {name: value for name, value in root.items() if name != "hydra"} if isinstance(root, dict) else {}


def setting_changed_by_a_point(error: Exception) -> str | None:
    """Return the sweep's setting that a point changes, if this is Hydra's `error` about it.

    Hydra 1.3 accepts such a point; our `Composer` checks it.
    """
    found = re.search(r"'(hydra[./]\w+)' must be (?:configured|selected) before the sweep", str(error))
    return found[1].replace("/", ".") if found else None


def completions(application: Hydra, config_name: str, line: str) -> list[str]:
    """Return the completions of the last word of the command `line`.

    When the query goes, offer the options of the config groups and the keys of a composed configuration.
    """
    return list(BashCompletion(application.config_loader)._query(config_name, line))


def hydras_range(*arguments: Any) -> RangeSweep:
    """Return the sweep of `range(...)` in Hydra's grammar."""
    return grammar_functions.range(*arguments)


def hydras_sort(*arguments: Any, **keywords: Any) -> Any:
    """Return the result of `sort(...)` in Hydra's grammar."""
    return grammar_functions.sort(*arguments, **keywords)


@contextmanager
def now_is(moment: datetime) -> Iterator[None]:
    """Make `${now:...}` return `moment` during the block.

    Hydra registers its resolver at each composition, so the `datetime` it uses is replaced. If Hydra stops
    using it, register our own resolver after each composition.
    """

    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            del tz
            return moment

    clock = vars(core_utils)
    clock["datetime"] = Then
    try:
        yield
    finally:
        clock["datetime"] = datetime
