"""What was typed for a training run, in Hydra's own grammar, composed once before anything is done."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir, initialize_config_module
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import TaskFunction
from omegaconf import DictConfig

from hydra_plugins.sweepboard.grid import GridSweeper
from hydra_plugins.sweepboard.local import LocalLauncher
from hydra_plugins.sweepboard.search import SearchSweeper
from sweepboard.compose.mistakes import explain
from sweepboard.compose.schema import register
from sweepboard.errors import ConfigError
from sweepboard.sweeps.grid import quoted
from sweepboard.sweeps.words import refuse_two_of_a_key

VERSION_BASE = "1.3"
CONFIG_PATH = "pkg://sweepboard.conf"


@dataclass(frozen=True)
class Request:
    """A parsed command line. `flags` are Hydra's own, as its parser gives them."""

    argv: list[str]
    flags: argparse.Namespace

    @property
    def overrides(self) -> list[str]:
        """`key=value` words as typed."""
        return list(self.flags.overrides)

    @property
    def only_asks(self) -> bool:
        """Whether the command asks Hydra for information (`--cfg job`, `--info`, …) and trains nothing."""
        flags = self.flags
        return bool(flags.cfg or flags.info or flags.hydra_help or flags.shell_completion)

    @property
    def config_dirs(self) -> list[Path]:
        """The user's own folder of YAML."""
        return [Path(self.flags.config_dir)] if self.flags.config_dir else []

    def overridden(self, key: str) -> str | None:
        """The value typed for `key`, as text, or None."""
        values = [word.partition("=")[2] for word in self.overrides if word.partition("=")[0] == key]
        return values[-1] if values else None


def parse(argv: list[str]) -> Request:
    """Read a command line. Hydra's parser leaves with exit code 2 and its usage where a flag is unknown."""
    flags = get_args_parser().parse_args(argv)
    if flags.experimental_rerun:
        raise ConfigError("--experimental-rerun unpickles a file: type `sweepboard rerun RUN` instead")
    for folder in filter(None, [flags.config_dir, flags.config_path]):
        if "://" not in folder and not Path(folder).is_dir():
            raise ConfigError(
                f"--config-dir {folder}: no such folder; give the folder that holds your YAML groups"
            )
    return Request(argv, flags)


def compose_request(request: Request, extra: tuple[str, ...] = ()) -> DictConfig:
    """The configuration of a request with its `hydra` block. Raises `ConfigError` for any mistake."""
    register()
    overrides = [*request.overrides, *extra, *_search_path(request)]
    name = request.flags.config_name or "config"
    try:
        with config_source(request.flags.config_path):
            return compose(name, overrides, return_hydra_config=True)
    except Exception as error:
        raise explain(error, request.overrides, request.config_dirs) from error


def multirun_request(request: Request, task: TaskFunction) -> None:
    """Have Hydra's sweeper and launcher, whichever are chosen, run the sweep that was asked for."""
    register()
    _register_plugins()
    overrides = [*map(_with_quoted_filter, request.overrides), *_search_path(request)]
    sweeper = request.overridden("hydra/sweeper")
    name = request.flags.config_name or "config"
    try:
        with config_source(request.flags.config_path):
            if sweeper not in (None, "grid", "optuna"):
                refuse_two_of_a_key(request.overrides, str(sweeper))
            GlobalHydra.instance().hydra.multirun(name, task, overrides)  # type: ignore[union-attr]
    except Exception as error:
        mistake = explain(error, request.overrides, request.config_dirs)
        if mistake is error:
            raise
        raise mistake from error


def _register_plugins() -> None:
    # Hydra's own search does not look into editable installs.
    for plugin in (GridSweeper, SearchSweeper, LocalLauncher):
        Plugins.instance().register(plugin)


def _with_quoted_filter(word: str) -> str:
    """`sweep.filter=a < b` for Hydra, whose grammar has no `<` outside quotes."""
    key, _, value = word.partition("=")
    return f"{key}={quoted(value)}" if key.lstrip("+") == "sweep.filter" and value[:1] not in "'\"" else word


def config_source(path: str | None) -> initialize_config_module | initialize_config_dir:
    """Hydra, ready to compose from our own YAML or from that of `--config-path`."""
    path, words = path or CONFIG_PATH, {"version_base": VERSION_BASE, "job_name": "sweepboard"}
    if path.startswith("pkg://"):
        return initialize_config_module(path.removeprefix("pkg://"), **words)
    return initialize_config_dir(str(Path(path).resolve()), **words)


def _search_path(request: Request) -> list[str]:
    # The same as Hydra's --config-dir, which its compose function does not take.
    folders = ",".join(f"'file://{folder.resolve()}'" for folder in request.config_dirs)
    return [f"hydra.searchpath=[{folders}]"] if folders else []
