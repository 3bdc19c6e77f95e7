"""`sweepboard [overrides] [-m]`: compose, check everything, claim a folder, train."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
from hydra.core.utils import env_override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.cli.command_line import Request, compose_request, parse
from sweepboard.cli.hydra_app import answer, callbacks_of, run_composed
from sweepboard.compose.program_yaml import ProgramYaml
from sweepboard.compose.results_folder import asked_for, refuse_other_directory
from sweepboard.errors import ConfigError
from sweepboard.formatting import printable
from sweepboard.names import label
from sweepboard.runs.folder import claim
from sweepboard.runs.lock import claimed
from sweepboard.runs.rank_server import rank_server
from sweepboard.secrets import overrides_for_names, require_secrets
from sweepboard.startup import settle, tune_allocator
from sweepboard.sweeps.sweep_overrides import refuse_without_multirun
from sweepboard.version import __version__


def main(argv: list[str], script: ProgramYaml | None = None) -> int:
    """Train, or print an answer about the configuration. Return the exit code.

    `script` is that of a training function of the user's own, if that was started.
    """
    if "--version" in argv:  # Hydra's parser would answer with its own
        print(f"sweepboard {__version__} (hydra {hydra.__version__})")
        return 0
    request = parse([each for each in argv if each != "--origin"], script)
    asks = request.only_asks or "--origin" in argv
    if asks and request.flags.multirun:
        raise ConfigError("leave out -m to be shown one run; `sweepboard plan ...` shows the jobs of a sweep")
    if "--origin" in argv:
        from sweepboard.cli.origin import print_origins

        return print_origins(request)
    if request.flags.shell_completion:
        from sweepboard.cli.completion import complete

        return complete(request.overrides)
    if request.flags.help and not request.of_program:
        from sweepboard.cli.help import print_help
        from sweepboard.cli.option_help import print_option_help

        if not print_option_help(request.overrides, request.config_dirs):
            print_help(request.config_dirs)
        return 0
    if request.only_asks:
        compose_request(request)  # reports a mistake in our one line
        return answer(request)
    if request.flags.multirun:
        return _sweep(request)
    composed = compose_request(request)
    if composed.hydra.mode == RunMode.MULTIRUN:  # a preset may say so
        return _sweep(request)
    _train(request, composed)
    return 0


def _sweep(request: Request) -> int:
    from sweepboard.cli.sweep import run_sweep  # a single run starts sooner without it

    return run_sweep(request)


def train(request: Request) -> Path:
    """Train one run, and return its folder."""
    composed = compose_request(request)
    if composed.hydra.mode == RunMode.MULTIRUN:
        raise ConfigError("hydra.mode=MULTIRUN: is a sweep; call sweepboard.sweep")
    return _train(request, composed)


def _train(request: Request, composed: DictConfig) -> Path:
    refuse_without_multirun(request.overrides, composed)
    refuse_other_directory(composed)
    with rank_server(_devices(composed)):
        return _train_here(request, composed)


def _devices(composed: DictConfig) -> Any:
    """Return `trainer.devices`, which has not been checked yet."""
    with suppress(OmegaConfBaseException):
        return OmegaConf.select(composed, "trainer.devices")


def _train_here(request: Request, composed: DictConfig) -> Path:
    with env_override(composed.hydra.job.env_set):  # values may name these variables
        prepared = _checked(composed, request)
    callbacks = callbacks_of(composed)

    def job(_: DictConfig) -> None:
        from sweepboard.cli.after_stop import telling_how_to_go_on
        from sweepboard.cli.run_display import run_display
        from sweepboard.runs.execute import execute, mask_hydra_files, new_record

        print(f"run folder: {printable(folder)}", flush=True)
        with telling_how_to_go_on(folder), run_display(bar=not request.of_program) as display:
            mask_hydra_files(folder)
            record = new_record(prepared, request.command)
            settle()
            execute(prepared.placed(folder.path), folder, record, display)
        from sweepboard.cli.summary import print_summary  # only now: the first update came sooner

        print_summary(record, folder)

    with claimed(_folder(prepared, composed)) as folder:
        run_composed(request, composed, callbacks, folder.path, job)
    return folder.path


def _checked(composed: DictConfig, request: Request) -> Any:
    tune_allocator()  # before torch allocates anything
    from sweepboard.building.prepare import prepare
    from sweepboard.compose.hydra_values import refuse_values_of_a_job
    from sweepboard.compose.replaced_classes import follow_targets, overrides_of_hydra
    from sweepboard.compose.unused_settings import warn_of_unused

    choices = dict(composed.hydra.runtime.choices)
    typed = overrides_of_hydra(composed)
    follow_targets(composed, typed, choices, request.config_dirs, request.config_name)
    prepared = prepare(composed, choices, request.overrides, keep_model=True)
    refuse_values_of_a_job(prepared.config)
    require_secrets(prepared.config.values)
    warn_of_unused(prepared.config, request.overrides)
    return prepared


def _folder(prepared: Any, composed: DictConfig) -> Path:
    """Return the folder that was asked for, or a new one."""
    named = asked_for(composed, "hydra.run.dir")
    if named is not None:
        return named
    overrides = overrides_for_names(prepared.config.values, prepared.config.overrides)
    return claim(Path(composed.output_root), label(overrides), datetime.now()).path
