"""Where YAML is read from: the user's own folders first, then what is shipped."""

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
from sweepboard.compose.schema import register
from sweepboard.compose.yaml_scalars import refuse_misleading
from sweepboard.errors import ConfigError, reason
from sweepboard.files import read_text

CONFIG = "config"
"""Name of the primary configuration, where no other is asked for."""

SHIPPED_CONFIG = "shipped_config"
"""Name of the shipped config.yaml where a user's own has taken its place."""

_SHIPPED_VALUES = "shipped_values"
_PACKAGE = "sweepboard.conf"

install()


@contextmanager
def hydra_ready(config_dirs: Sequence[Path] = ()) -> Iterator[Hydra]:
    """Hydra, ready to compose from `config_dirs`, the first one first, and then from what is shipped."""
    register()
    if find_file(CONFIG, config_dirs) != find_file(SHIPPED_CONFIG):
        _store_shipped_config()
    register_source(OwnFolder)
    folders = [f"{OwnFolder.scheme()}://{folder.resolve()}" for folder in config_dirs]
    with application("sweepboard", _PACKAGE, folders) as hydra:
        yield hydra


def shipped() -> Path:
    """The folder of the YAML that is shipped."""
    return Path(str(files(_PACKAGE)))


def find_file(config_path: str, config_dirs: Sequence[Path] = ()) -> Path | None:
    """The file that Hydra reads for an option (`model/cnn`) or a primary configuration."""
    if config_path in (SHIPPED_CONFIG, _SHIPPED_VALUES):
        return shipped() / f"{CONFIG}.yaml"
    paths = [Path(folder, f"{config_path}.yaml") for folder in (*config_dirs, shipped())]
    return next((path for path in paths if path.is_file()), None)


class OwnFolder(FileConfigSource):
    """A user's folder of YAML.

    Names of options in a defaults list are text (`- experiment: 1`). What stands in a config.yaml changes the
    shipped one, of which it takes the place: its list begins with that, unless it has another beginning.
    """

    @staticmethod
    def scheme() -> str:
        return "own"

    def load_config(self, config_path: str) -> ConfigResult:
        file = config_path if config_path.endswith(".yaml") else f"{config_path}.yaml"
        with suppress(yaml.YAMLError, UnicodeDecodeError, FileNotFoundError):  # Hydra tells these
            nodes(Path(self.path, file))
        result = super().load_config(config_path)
        if isinstance(result.config, DictConfig):
            _complete_defaults(result.config, Path(self.path, file), file == f"{CONFIG}.yaml")
        return result


def nodes(file: Path) -> yaml.Node | None:
    """What a user's file of YAML says, with the lines on which it does.

    Raise `ConfigError` for a file that OmegaConf would be busy with for ever or a word in it that misleads,
    yaml.YAMLError, UnicodeDecodeError or FileNotFoundError for one that is none.
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
    """The values in a user's file of YAML, as OmegaConf has them. Raises as `nodes` does."""
    nodes(file)
    return OmegaConf.load(file)


def _complete_defaults(config: DictConfig, file: Path, is_primary: bool) -> None:
    node = config.get("defaults", OmegaConf.create([]))
    listed: Any = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_list(node) else None
    if listed is None or not (listed or is_primary):  # Hydra tells what is no list
        return
    if not all(map(_is_text, listed)):
        written = yaml.load(read_text(file, follow=True), yaml.BaseLoader)
        listed = _as_written(listed, written["defaults"])
    if is_primary:
        listed = _on_top_of_shipped(listed)
    if "_self_" not in listed:  # Hydra puts it there, and warns
        listed.append("_self_")
    with open_dict(config):
        config.defaults = listed


def _is_text(item: Any) -> bool:
    if isinstance(item, Mapping | list):
        return all(map(_is_text, item.values() if isinstance(item, Mapping) else item))
    return isinstance(item, str) or item is None


def _as_written(value: Any, written: Any) -> Any:
    """`value` with what YAML read as numbers and booleans as it was written: `001`, `on`, `1e3`."""
    if isinstance(value, Mapping):
        return {key: _as_written(each, written[str(key)]) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_written(*pair) for pair in zip(value, written, strict=True)]
    return None if value is None else written


def _on_top_of_shipped(listed: list[Any]) -> list[Any]:
    """The defaults list of a user's config.yaml, whose values go over shipped options and under a preset."""
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
