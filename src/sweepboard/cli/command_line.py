"""Parse the command line of a training run in Hydra's grammar, and compose its configuration once."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

from hydra_plugins.sweepboard.grid import GridSweeper
from hydra_plugins.sweepboard.local import LocalLauncher
from hydra_plugins.sweepboard.search import SearchSweeper
from sweepboard.cli.config_dirs import own_folders, yaml_of_program
from sweepboard.cli.flags import parse_flags
from sweepboard.cli.multirun import multirun
from sweepboard.cli.short_keys import with_whole_keys
from sweepboard.compose.config_search import CONFIG, find_file, hydra_ready, primary_of
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.option_names import with_names
from sweepboard.compose.override_grammar import quoted, with_home
from sweepboard.compose.program_yaml import ProgramYaml
from sweepboard.compose.results_folder import refuse_other_directory
from sweepboard.compose.user_imports import import_modules
from sweepboard.errors import ConfigError
from sweepboard.import_path import import_users_modules
from sweepboard.settings import TOP_LEVEL
from sweepboard.sweeps.ranges import refuse_other_count
from sweepboard.sweeps.sweep_overrides import refuse_two_of_a_key

if TYPE_CHECKING:
    from sweepboard.sweeps.hydra_task import SweepTask
    from sweepboard.sweeps.sweep_result import SweepResult


@dataclass(frozen=True)
class Request:
    """A parsed command line. `flags` are Hydra's own, as its parser returns them."""

    argv: list[str]
    flags: argparse.Namespace
    config_dirs: Sequence[Path]
    """The user's own folders of YAML, in order of precedence; a `ProgramYaml` for a training function."""

    program: str = "sweepboard"
    """What was typed before the arguments."""

    @property
    def of_program(self) -> bool:
        """Whether it is of a training function of the user's own."""
        return isinstance(self.config_dirs, ProgramYaml)

    @property
    def command(self) -> str:
        """The whole command."""
        return f"{self.program} {shlex.join(self.argv)}".rstrip()

    @property
    def overrides(self) -> list[str]:
        """The overrides, `key=value`, as typed."""
        return list(map(with_home, self.flags.overrides))

    @property
    def config_name(self) -> str:
        """The name of the primary configuration."""
        name = str(self.flags.config_name or CONFIG).removesuffix(".yaml")
        return primary_of(self.config_dirs, name)

    @property
    def only_asks(self) -> bool:
        """Whether the command asks Hydra for information (`--cfg job`, `--info`, …) and trains nothing."""
        flags = self.flags
        return bool(flags.cfg or flags.info or flags.hydra_help or (flags.help and self.of_program))

    def overridden(self, key: str) -> str | None:
        """Return the value typed for `key`, as text, or None."""
        values = [each.partition("=")[2] for each in self.overrides if each.partition("=")[0] == key]
        return values[-1] if values else None


def parse(argv: list[str], script: ProgramYaml | None = None) -> Request:
    """Parse a command line, that of `sweepboard` or of the `script` of a training function.

    Raise `ConfigError` for an unknown flag or a missing folder.
    """
    flags = parse_flags(argv)
    if flags.experimental_rerun:
        raise ConfigError("--experimental-rerun unpickles a file: type `sweepboard rerun RUN` instead")
    folders = own_folders(flags)
    yaml = yaml_of_program(flags, folders, script)
    program = "sweepboard" if script is None else f"python {shlex.quote(sys.argv[0])}"
    request = Request(argv, flags, folders if yaml is None else yaml, program)
    if not request.of_program:
        flags.overrides = with_whole_keys(request.overrides, folders, request.config_name)
    return request


def compose_request(request: Request, extra: tuple[str, ...] = ()) -> DictConfig:
    """Return the composed configuration with its `hydra` block. Raise `ConfigError` for any mistake."""
    try:
        with hydra_ready(request.config_dirs) as hydra:
            overrides = with_names([*request.overrides, *extra], hydra.config_loader)
            composed = compose(request.config_name, overrides, return_hydra_config=True)
    except Exception as error:
        raise explain(error, request.overrides, request.config_dirs) from error
    _refuse_incomplete(composed, request)
    import_modules(composed)
    return composed


def multirun_request(request: Request, task: SweepTask) -> SweepResult:
    """Run the sweep with the chosen sweeper and launcher of Hydra."""
    _register_plugins()
    import_users_modules()  # callbacks of the user's own
    sweeper = request.overridden("hydra/sweeper")
    try:
        with hydra_ready(request.config_dirs) as hydra:
            typed = list(map(with_quoted_filter, request.overrides))
            overrides = with_names(typed, hydra.config_loader)
            others = sweeper not in (None, "grid", "optuna")
            if others or _primary(request) != find_file(CONFIG):
                master = hydra.compose_config(request.config_name, overrides, RunMode.MULTIRUN)
                _refuse_incomplete(master, request)
                refuse_other_directory(master)
            if others:
                refuse_two_of_a_key(overrides, str(sweeper))
                refuse_other_count(overrides, str(sweeper))
            return multirun(hydra, request.config_name, task, overrides)
    except Exception as error:
        mistake = explain(error, request.overrides, request.config_dirs)
        if mistake is error:
            raise
        raise mistake from error


def _primary(request: Request) -> Path | None:
    return find_file(request.config_name, request.config_dirs)


def _refuse_incomplete(config: DictConfig, request: Request) -> None:
    for key in () if request.of_program else TOP_LEVEL:
        if key not in config:
            raise ConfigError(
                f"{_primary(request)}: has no {key}; let its list begin with what is shipped: "
                "defaults: [config, _self_], then `- override /model: ...` for another option"
            )


def _register_plugins() -> None:
    # Hydra's own search does not look into editable installs.
    for plugin in (GridSweeper, SearchSweeper, LocalLauncher):
        Plugins.instance().register(plugin)


def with_quoted_filter(override: str) -> str:
    """Quote `sweep.filter=a < b` for Hydra, whose grammar has no `<` outside quotes."""
    key, _, value = override.partition("=")
    is_condition = key.lstrip("+") == "sweep.filter" and value != "null" and value[:1] not in "'\""
    return f"{key}={quoted(value)}" if is_condition else override
