"""Find and read YAML: in the user's own folders first, then among the shipped files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf, open_dict

from sweepboard import plain_yaml
from sweepboard.compat.hydra import FileConfigSource, Hydra, application, register_source, store_config
from sweepboard.compose.overrides import install
from sweepboard.compose.program_yaml import PRIMARY, HydraOptions, ProgramYaml
from sweepboard.compose.schema import register
from sweepboard.compose.yaml_scalars import refuse_misleading
from sweepboard.errors import ConfigError, reason
from sweepboard.files import read_text

CONFIG = "config"
"""Name of the default primary configuration."""

SHIPPED_CONFIG = "shipped_config"
"""Name of the shipped config.yaml if the user has a config.yaml."""

_SHIPPED_VALUES = "shipped_values"
_PACKAGE = "sweepboard.conf"

install()


@contextmanager
def hydra_ready(config_dirs: Sequence[Path] = ()) -> Iterator[Hydra]:
    """Yield Hydra, ready to compose from `config_dirs` in their order and then from the shipped YAML.

    A `ProgramYaml` is composed under the name `program_yaml.PRIMARY`.
    """
    if isinstance(config_dirs, ProgramYaml):
        with _program_ready(config_dirs) as hydra:
            yield hydra
        return
    register()
    if find_file(CONFIG, config_dirs) != find_file(SHIPPED_CONFIG):
        _store_shipped_config()
    register_source(OwnFolder)
    folders = [f"{OwnFolder.scheme()}://{folder.resolve()}" for folder in config_dirs]
    with application("sweepboard", f"pkg://{_PACKAGE}", folders) as hydra:
        yield hydra


def primary_of(config_dirs: Sequence[Path], name: str = CONFIG) -> str:
    """Return the name of the primary configuration to compose from these folders."""
    return PRIMARY if isinstance(config_dirs, ProgramYaml) else name


@contextmanager
def _program_ready(yaml: ProgramYaml) -> Iterator[Hydra]:
    yaml.store(shipped())
    register_source(ProgramFolder)
    register_source(HydraOptions)
    folders = [f"{ProgramFolder.scheme()}://{folder.resolve()}" for folder in yaml]
    with application(yaml.name, f"{HydraOptions.scheme()}://{shipped()}", folders) as hydra:
        yield hydra


def shipped() -> Path:
    """Return the folder of the shipped YAML."""
    return Path(str(files(_PACKAGE)))


def find_file(config_path: str, config_dirs: Sequence[Path] = ()) -> Path | None:
    """Return the file that Hydra reads for an option (`model/cnn`) or a primary configuration, if any."""
    if config_path in (SHIPPED_CONFIG, _SHIPPED_VALUES):
        return shipped() / f"{CONFIG}.yaml"
    paths = [Path(folder, f"{config_path}.yaml") for folder in (*config_dirs, shipped())]
    return next((path for path in paths if path.is_file()), None)


class OwnFolder(FileConfigSource):
    """A config source for a user's folder of YAML.

    Names of options in a defaults list are read as text (`- experiment: 1`). A user's config.yaml extends the
    shipped one if its defaults list has only `_self_` and overrides, or an entry `config`.
    """

    extends_shipped = True

    @staticmethod
    def scheme() -> str:
        return "own"

    def load_config(self, config_path: str) -> ConfigResult:
        file = config_path if config_path.endswith(".yaml") else f"{config_path}.yaml"
        with suppress(yaml.YAMLError, UnicodeDecodeError, FileNotFoundError):  # Hydra reports these below
            nodes(Path(self.path, file))
        result = super().load_config(config_path)
        if isinstance(result.config, DictConfig):
            _complete_defaults(
                result.config, Path(self.path, file), self.extends_shipped and file == f"{CONFIG}.yaml"
            )
        return result


class ProgramFolder(OwnFolder):
    """A source for the YAML of a training function, whose config.yaml does not extend the shipped one."""

    extends_shipped = False

    @staticmethod
    def scheme() -> str:
        return "own-program"


def nodes(file: Path) -> yaml.Node | None:
    """Return the root node of a user's YAML file; YAML nodes know their lines.

    Raise `ConfigError` for a file that cannot be read, that expands without end, or that has a misleading
    scalar. Raise `yaml.YAMLError` for invalid YAML, `UnicodeDecodeError` for a file that is not UTF-8 and
    `FileNotFoundError` for a missing file.
    """
    try:
        node = plain_yaml.compose(read_text(file, follow=True))
    except FileNotFoundError:
        raise
    except (OSError, plain_yaml.NotPlain) as error:
        raise ConfigError(f"{file} cannot be read: {reason(error)}") from error
    refuse_misleading(node, file)
    return node


def load(file: Path) -> Any:
    """Return the values in a user's YAML file as an OmegaConf node. Raise the same errors as `nodes`."""
    nodes(file)
    return OmegaConf.load(file)


def _complete_defaults(config: DictConfig, file: Path, is_primary: bool) -> None:
    node = config.get("defaults", OmegaConf.create([]))
    listed: Any = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_list(node) else None
    if listed is None or not (listed or is_primary):  # Hydra reports defaults that are not a list
        return
    if not all(map(_is_text, listed)):
        written = yaml.load(read_text(file, follow=True), yaml.BaseLoader)
        listed = _as_written(listed, written["defaults"])
    if is_primary:
        listed = _on_top_of_shipped(listed)
    if "_self_" not in listed:  # otherwise Hydra appends it with a warning
        listed.append("_self_")
    with open_dict(config):
        config.defaults = listed


def _is_text(item: Any) -> bool:
    if isinstance(item, Mapping | list):
        return all(map(_is_text, item.values() if isinstance(item, Mapping) else item))
    return isinstance(item, str) or item is None


def _as_written(value: Any, written: Any) -> Any:
    """Return `value` with its numbers and booleans as texts, as written in the file: `001`, `on`, `1e3`."""
    if isinstance(value, Mapping):
        return {key: _as_written(each, written[str(key)]) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_written(*pair) for pair in zip(value, written, strict=True)]
    return None if value is None else written


def _on_top_of_shipped(listed: list[Any]) -> list[Any]:
    """Return the defaults list of a user's config.yaml, extended by the shipped defaults list.

    The user's values override shipped options, and a preset overrides the user's values.
    """
    if CONFIG in listed:
        return [SHIPPED_CONFIG if item == CONFIG else item for item in listed]
    if not all(item == "_self_" or _overrides(item) for item in listed):
        return listed
    ours = [_SHIPPED_VALUES if item == "_self_" else item for item in _shipped_config()["defaults"]]
    ours.insert(ours.index({"experiment": None}), "_self_")
    return [*ours, *(item for item in listed if item != "_self_")]


def _store_shipped_config() -> None:
    config = _shipped_config()
    store_config(SHIPPED_CONFIG, config)
    values = {key: value for key, value in config.items() if key != "defaults"}
    store_config(_SHIPPED_VALUES, values)


def _shipped_config() -> dict[str, Any]:
    config: Any = OmegaConf.to_container(OmegaConf.load(shipped() / f"{CONFIG}.yaml"))
    return dict(config)


def _overrides(item: Any) -> bool:
    return isinstance(item, Mapping) and all("override" in str(key).split(" ")[:-1] for key in item)
