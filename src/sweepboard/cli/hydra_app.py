"""Run sweepboard as a Hydra application: the part of `@hydra.main` around a program's own function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from hydra.core.utils import configure_log, run_job
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, open_dict, read_write

from sweepboard.cli.command_line import Request
from sweepboard.cli.flags import flag_parser
from sweepboard.compat import hydra as compat
from sweepboard.compat.hydra import Callbacks, Hydra
from sweepboard.compose.config_search import hydra_ready
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.option_names import with_names
from sweepboard.files import writing
from sweepboard.runs.log_file import keep_off_hydras_console

Job: TypeAlias = Callable[[DictConfig], None]


def run_composed(request: Request, config: DictConfig, callbacks: Callbacks, folder: Path, job: Job) -> None:
    """Run `job` in `folder` with Hydra's actions for a run: `.hydra/`, logging, callbacks, `job.env_set`.

    `hydra.main` would do the same after composing the configuration twice more. Raise what the job raises,
    without Hydra's own report of it.
    """
    raised: list[BaseException] = []

    def guarded(task: DictConfig) -> None:
        keep_off_hydras_console()
        try:
            job(task)
        except BaseException as error:
            raised.append(error)

    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.run.dir, config.hydra.mode = str(folder), RunMode.RUN
    with hydra_ready(request.config_dirs) as hydra, writing(folder):  # what the job raises is in `raised`
        _run(hydra, config, request.config_name, callbacks, guarded)
    if raised:
        raise raised[0]


def callbacks_of(config: DictConfig) -> Callbacks:
    """Return the callbacks of `hydra.callbacks`. Raise `ConfigError`."""
    try:
        return compat.callbacks_of(config)
    except HydraException as error:
        raise explain(error) from error


def _run(hydra: Hydra, config: DictConfig, name: str, callbacks: Callbacks, job: Job) -> None:
    """Do what `hydra._internal.hydra.Hydra.run` does after composing the configuration."""
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    context = HydraContext(hydra.config_loader, callbacks)
    callbacks.on_run_start(config=config, config_name=name)
    done = run_job(job, config, "hydra.run.dir", None, context)
    callbacks.on_run_end(config=config, config_name=name, job_return=done)


def answer(request: Request) -> int:
    """Let Hydra print information about the configuration (`--cfg`, `--info`, ...)."""
    flags, name = request.flags, request.config_name
    with hydra_ready(request.config_dirs) as application:
        overrides = with_names(request.overrides, application.config_loader)
        if flags.hydra_help:
            application.hydra_help(name, flag_parser(), flags)
        elif flags.help:  # that of a program: `hydra.help` of its own configuration
            application.app_help(name, flag_parser(), flags)
        elif flags.cfg:
            application.show_cfg(name, overrides, flags.cfg, flags.package, flags.resolve)
        else:
            application.show_info(flags.info, name, overrides)
    return 0
