"""Find the results folder that the user sets with Hydra's own keys, such as `hydra.run.dir`."""

from __future__ import annotations

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.compose.hydra_errors import explain_value
from sweepboard.errors import ConfigError

SHIPPED = {
    "hydra.run.dir": "${output_root}/${now:%Y-%m-%d}/${now:%H-%M-%S}",
    "hydra.sweep.dir": "${output_root}/sweeps/${now:%Y-%m-%d_%H-%M-%S}",
    "hydra.sweep.subdir": "${hydra.job.num}",
}
"""The values in the shipped config.yaml, which let sweepboard choose the folder."""


def asked_for(config: DictConfig, key: str) -> Path | None:
    """Return the folder that the user set with `key`, or None if there is none. Raise `ConfigError`."""
    if not is_asked_for(config, key):
        return None
    try:
        HydraConfig.instance().set_config(config)  # for ${hydra:runtime.cwd}
        text = str(OmegaConf.select(config, key, throw_on_missing=True))
    except OmegaConfBaseException as error:
        raise _unresolved(key, error) from error
    if text in ("", "None"):
        raise ConfigError(f"{key}: names no folder; give one, or leave it out")
    return Path(text).expanduser()


def is_asked_for(config: DictConfig, key: str) -> bool:
    """Return whether `key` has another value than in the shipped config.yaml."""
    group, _, name = key.rpartition(".")
    written = OmegaConf.to_container(OmegaConf.select(config, group), resolve=False)
    return isinstance(written, dict) and written[name] != SHIPPED[key]


def refuse_other_directory(config: DictConfig) -> None:
    """Raise `ConfigError` for `hydra.job.chdir`, which would change the meaning of relative paths."""
    if config.hydra.job.chdir:
        raise ConfigError(
            "hydra.job.chdir: paths mean what they mean where the command is typed; leave it out, and write "
            "into the run's folder by its name, ${hydra:runtime.output_dir}"
        )


def _unresolved(key: str, error: OmegaConfBaseException) -> ConfigError:
    message = str(explain_value(error)).removeprefix(": ")
    return ConfigError(message if message.startswith(f"{key}: ") else f"{key}: {message}")
