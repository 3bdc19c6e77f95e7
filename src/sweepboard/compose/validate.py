"""The runner's own settings: keys that exist, types, words and ranges. Nothing is opened or built."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from sweepboard.compose.call_checks import check_type
from sweepboard.compose.schema import OPEN_GROUPS, SHARED_KEYS
from sweepboard.compose.settings_help import settings
from sweepboard.errors import ConfigError, nearest
from sweepboard.formatting import yaml_text
from sweepboard.names import flatten
from sweepboard.search.settings import PREFIX as SEARCH
from sweepboard.search.settings import SearchSettings

WORDS = {
    "trainer.precision": ("fp32", "bf16", "fp16"),
    "trainer.compile": (False, True, "reduce-overhead", "max-autotune"),
    "trainer.early_stopping.mode": ("min", "max"),
    "trainer.checkpoint.mode": ("min", "max"),
    "dataset.validate_on": ("split", "test"),
    "dataset.augment": ("none", "crop", "flip", "crop_flip"),
    "sweep.on_failure": ("continue", "stop"),
    "scheduler.interval": ("step", "epoch", "validation"),
}
"""Settings that take one of a few words (null where their type allows it)."""

_FROM_ZERO = {
    "seed",
    "dataset.augment_padding",
    "dataset.workers",
    "trainer.early_stopping.min_delta",
    "logging.images",
    "logging.predictions",
    "logging.embeddings",
    "logging.profile",
    "sweep.retry",
}
_SEEDS = 2**32  # what every library that is seeded takes
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_settings(config: Mapping[str, Any]) -> None:
    """Check every setting of the runner in the plain, resolved `config`. Raises `ConfigError` for the first
    that is wrong, with its key and what it may be."""
    _check_folders(config)
    flat = dict(_own(config))
    known = {setting.key: setting for setting in settings()}
    for key, value in flat.items():
        if key not in known:
            raise unknown_key(key)
        check_type(value, known[key].type, key)
        if value is not None:
            _check_word(key, value)
            _check_range(key, value)
    _check_learning_rate(config)


def _own(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The flat settings of the runner: all of the closed part, the shared keys of the open groups."""
    for key, value in flatten(config):
        group, _, rest = key.partition(".")
        shared = {item.name for item in fields(SHARED_KEYS[group])} if group in SHARED_KEYS else set()
        if group != "facts" and (group not in OPEN_GROUPS or rest in shared):
            yield key, value


def unknown_key(key: str) -> ConfigError:
    """The mistake of a key that is none of ours, with the nearest that is."""
    if key.startswith(f"{SEARCH}.") and setting_like(key) == key:
        return ConfigError(f"{key}: is of a search; add hydra/sweeper=optuna")
    return ConfigError(f"{key}: there is no such setting{did_you_mean_key(key)}")


def did_you_mean_key(key: str) -> str:
    """The end of a message about a mistyped key: the setting with that last name, or the nearest one."""
    likely = setting_like(key)
    return f"; did you mean {likely}?" if likely else "; sweepboard --help lists them all"


def setting_like(key: str) -> str | None:
    """The setting or group that was meant by a mistyped `key`, None where none is near it."""
    valid = ["optimizer.lr", *(setting.key for setting in settings())]
    if key.startswith(f"{SEARCH}."):
        valid = [f"{SEARCH}.{item.name}" for item in fields(SearchSettings)]
    if "." not in key:
        valid += [*OPEN_GROUPS, "trainer", "logging", "experiment"]
    name = key.rpartition(".")[2]
    same = [candidate for candidate in valid if candidate.rpartition(".")[2] == name]
    return same[0] if same else nearest(key, valid)


def _check_folders(config: Mapping[str, Any]) -> None:
    # An empty path is the working directory for Python, and a variable that is not set for a shell.
    for key, folder in (
        ("dataset.root", config["dataset"].get("root")),
        ("output_root", config["output_root"]),
    ):
        if isinstance(folder, str) and not folder.strip():
            raise ConfigError(f"{key}: names no folder; give one, which may be . for the working directory")


def _check_word(key: str, value: Any) -> None:
    valid = WORDS.get(key)
    if valid and value not in valid:
        raise ConfigError(f"{key}={value}: choose from {', '.join(map(yaml_text, valid))}")
    if key == "device" and not _DEVICE.fullmatch(value):
        raise ConfigError(f"device={value}: choose from auto, cpu, cuda, cuda:0 (or another number), mps")


def _check_range(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if key == "dataset.val_fraction":
        right, range_ = 0 <= value < 1, "at least 0 and less than 1"
    elif key == "seed":
        right, range_ = 0 <= value < _SEEDS, "from 0 to 4294967295"
    elif key in _FROM_ZERO:
        right, range_ = 0 <= value < math.inf, "0 or more"
    elif isinstance(value, int):
        right, range_ = value >= 1, "1 or more"
    else:
        right, range_ = 0 < value < math.inf, "a number above 0"
    if not right:
        raise ConfigError(f"{key}: must be {range_}, got {yaml_text(value)}")


def _check_learning_rate(config: Mapping[str, Any]) -> None:
    rate = config["optimizer"].get("lr")
    if isinstance(rate, int | float) and not 0 < rate < math.inf:
        raise ConfigError(f"optimizer.lr: must be a finite number above 0, got {yaml_text(rate)}")
