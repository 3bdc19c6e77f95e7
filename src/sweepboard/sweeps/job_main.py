"""Run one job in its own process from its frozen configuration and report to the sweep."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sweepboard.building.build import build_work
from sweepboard.building.prepare import Prepared, prepared_again
from sweepboard.compose.locate import is_users
from sweepboard.compose.plain_types import load_field_types
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError
from sweepboard.execution import JobChannel
from sweepboard.metric_names import name_of
from sweepboard.rank_environment import started_rank
from sweepboard.runs.execute import execute, new_record
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import FolderLocked, only_writer
from sweepboard.runs.provenance import packages
from sweepboard.runs.rank_server import devices_in, rank_server
from sweepboard.runs.record import RunRecord
from sweepboard.runs.record_callback import ending
from sweepboard.runs.resume import Changed, resume
from sweepboard.runs.saved_run import read_run
from sweepboard.settings import Config
from sweepboard.settings.queries import settings
from sweepboard.startup import quiet_matplotlib, tune_allocator, write_output_to
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.hydra_files import write_hydra_files
from sweepboard.sweeps.outcome import correct_record, record_of
from sweepboard.sweeps.plan_file import read_frozen, with_secrets
from sweepboard.sweeps.same_data import refuse_other_content
from sweepboard.tracebacks import users_traceback
from sweepboard.training.callback import NO_CALLBACKS, Callback
from sweepboard.training.ending import FAILED
from sweepboard.training.signals import Interrupted, Pruned
from sweepboard.training.work import RunProgress, Work
from sweepboard.trust.foreign_config import Trust

NEWS = 0.5
"""Seconds between two progress messages; validations are sent at once."""


def run(arguments: Mapping[str, Any], channel: JobChannel) -> None:
    """Train one job from the `arguments` that `sweeps.launch` made.

    Where an engine has started several processes for it, on several machines, this is one of them. Exit with
    code 0 if the run finished or was pruned. Output and tracebacks go to the folder's train.log.
    """
    place = started_rank() if arguments.get("nodes", 1) > 1 else None  # else, one around the whole sweep
    if place is None:
        _run(arguments, channel)
        return
    from sweepboard.runs.rank_main import serve
    from sweepboard.runs.started_ranks import meeting_of

    if place.rank:
        sys.exit(serve(place))
    with meeting_of(place):
        _run(arguments, channel)


def _run(arguments: Mapping[str, Any], channel: JobChannel) -> None:
    tune_allocator()
    quiet_matplotlib()
    folder = RunFolder(Path(arguments["folder"]))
    folder.path.mkdir(parents=True, exist_ok=True)
    write_output_to(folder.log)
    reporter = Reporter(channel, arguments["waits"])
    try:
        config = _frozen(folder, arguments)
        with rank_server(devices_in(config.values)):
            train(folder, config, arguments, {"sweep": reporter})
    except Pruned:
        return
    except Interrupted as stop:
        sys.exit(stop.exit_code)
    except BaseException as error:  # sys.exit in the user's code must not count as success
        reason, lines = note_failure(error, folder)
        channel.send({"error": reason, "traceback": lines})
        sys.exit(1)


def _frozen(folder: RunFolder, job: Mapping[str, Any]) -> RunConfig:
    config = read_frozen(SweepFolder(folder.path.parent), job["frozen"], job["checksum"])
    return Trust(job["own"]).admitted(with_secrets(config, job.get("secrets", {}).get))


def train(
    folder: RunFolder,
    config: RunConfig,
    job: Mapping[str, Any],
    callbacks: Mapping[str, Callback] = NO_CALLBACKS,
) -> None:
    """Start the run of a job, or resume it if its folder exists.

    `job` says how it is run: the `command` of the sweep, its `swept` keys, its `number`.
    """
    # Everything was checked when the plan was made, or resumed.
    prepared = prepared_again(config).placed(folder.path, job.get("number", 0))
    accept = job.get("accept", False)
    make = partial(_on_the_same_data, SweepFolder(folder.path.parent), accept)
    if folder.begun:
        saved = read_run(folder.path)
        resume(saved, prepared, callbacks, accept, build_work if saved.record.data_fingerprint else make)
        return
    with only_writer(folder):
        write_hydra_files(folder, prepared.config, job.get("number", 0))
        record = new_record(prepared, job["command"])
        record.swept, record.number = list(job.get("swept", ())), job.get("number", 0)
        try:
            execute(prepared, folder, record, callbacks, make=make)
        except Changed:
            folder.record.unlink()  # not started: it runs once the data are back or accepted
            raise


def _on_the_same_data(sweep: SweepFolder, accept: bool, prepared: Prepared) -> Work:
    """Build a job; raise `Changed` if its data differ from those of earlier jobs."""
    work = build_work(prepared)
    if sweep.plan.is_file():  # a third-party sweeper and launcher make no plan
        sizes = prepared.source.sizes
        refuse_other_content(sweep, prepared.config.values, work.content, sizes, accept)
    return work


def warm_up() -> None:
    """Compute in the job server, once, what is slow and the same for all jobs."""
    packages()
    platform.platform()
    settings()
    is_users(__file__)
    for kind in (Config, RunRecord):
        load_field_types(kind)


def note_failure(error: BaseException, folder: RunFolder) -> tuple[str | None, str | None]:
    """Return the reason for a failure and, for a bug, its traceback.

    A run that failed before it kept its own record gets them written into its folder here, except where the
    reason says that the run is left unchanged.
    """
    reason = ending(error)[1]
    lines = None if isinstance(error, UserError) else users_traceback(error)
    record = record_of(folder)
    if not isinstance(error, FolderLocked | Changed) and (record is None or record.reason != reason):
        folder.path.mkdir(parents=True, exist_ok=True)
        with folder.log.open("a") as log:
            log.write(f"{lines or reason}\n")
        correct_record(folder, FAILED, reason)
    return reason, lines


class Reporter(Callback):
    """Report the run's progress to the sweep, and stop the run when the sweep prunes it.

    With `waits`, training continues after a validation only when the sweep has answered `{"go_on": true}` or
    `{"prune": why}`, so the speed of a run does not decide when it is pruned.
    """

    def __init__(self, channel: JobChannel, waits: bool = False) -> None:
        self._channel, self._waits = channel, waits
        self._told = 0.0

    def on_start(self, progress: RunProgress) -> None:
        self._tell(progress)

    def on_tick(self, progress: RunProgress) -> None:
        if time.monotonic() > self._told + NEWS:
            self._tell(progress)
        self._listen()

    def on_validation(self, progress: RunProgress) -> None:
        self._tell(progress, validated=True)
        self._listen(self._waits)

    def on_end(self, progress: RunProgress) -> None:
        self._tell(progress)

    def _tell(self, progress: RunProgress, validated: bool = False) -> None:
        self._told = time.monotonic()
        news = {
            "step": progress.step,
            "total_steps": progress.total_steps,
            "epoch": progress.epochs_done,
            "total_epochs": progress.total_epochs,
            "seconds_left": progress.seconds_left if progress.step else None,
            "primary_metric": progress.primary_metric,
            "metrics": {name_of(tag): value for tag, value in progress.metrics.items()},
            "best": dict(progress.best),
        }
        self._channel.send({"validated" if validated else "news": news})

    def _listen(self, wait: bool = False) -> None:
        messages = self._channel.poll()
        while wait and not messages and not self._channel.ended:
            messages = self._channel.receive()
        for message in messages:
            if "prune" in message:
                raise Pruned(message["prune"])
