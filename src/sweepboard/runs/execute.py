"""Execute one run, from its checked configuration to its final record."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias

import yaml

from sweepboard import plain_yaml
from sweepboard.board.open_board import open_board
from sweepboard.board.pages import environment_page
from sweepboard.board.row_names import row_name
from sweepboard.building.build import build_work
from sweepboard.building.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import naming_open_files, reason
from sweepboard.files import Unreadable, read_text, remove_leftovers, write_atomic, writing
from sweepboard.hyperparameters import DATA, asked_for, board_columns, group_name, hparams
from sweepboard.names import key_of
from sweepboard.runs.epoch_log import EpochLog
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.log_file import logged_to, printed_to
from sweepboard.runs.provenance import write_provenance
from sweepboard.runs.ranks import ranks_together
from sweepboard.runs.record import RunRecord
from sweepboard.runs.record_callback import RecordCallback
from sweepboard.runs.saved_run import config_in, origin_of, read_environment, read_run
from sweepboard.runs.weight_files import digests
from sweepboard.secrets import masked, masked_command, masked_overrides, remember
from sweepboard.settings import LoggingSettings
from sweepboard.signing import Origin, sign, why_no_key
from sweepboard.training.callback import NO_CALLBACKS, Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.loop_state import LoopState
from sweepboard.training.signals import StopFlag
from sweepboard.training.work import Work
from sweepboard.version import __version__

log = logging.getLogger(__name__)

Make: TypeAlias = Callable[[Prepared], Work]
"""`build_work`, or a function that wraps it."""


def new_record(prepared: Prepared, command: str, parent: str | None = None) -> RunRecord:
    """Return the record of a new run."""
    config = prepared.config
    remember(config.values)
    return RunRecord(
        id=token_hex(8),
        samples=prepared.samples,
        seed=config.seed,
        groups=dict(config.groups),
        overrides=masked_overrides(config.overrides),
        interpolations=dict(config.interpolations),
        command=masked_command(command),
        parent=parent,
        classes=prepared.classes,
        writes_only=list(config.writes_only),
        weights=digests(prepared),
        sweepboard=__version__,
    )


def execute(
    prepared: Prepared,
    folder: RunFolder,
    record: RunRecord,
    callbacks: Mapping[str, Callback] = NO_CALLBACKS,
    resume: LoopState | None = None,
    make: Make = build_work,
) -> None:
    """Train the run of `prepared` in `folder`; the record is true after any end.

    `callbacks` are added to those of the run, `resume` is the state of a checkpoint to continue from and
    `make` builds the work. The caller holds the lock of the folder (`only_writer`). Raise `NotWritable`
    before training, and `NotSaved` after it if the end could not be written.
    """
    own = prepared.config.program is not None
    with logged_to(folder.log), printed_to(folder.log) if own else nullcontext():
        with writing(folder.path):  # the record comes last: a folder with a record is a run to resume
            remove_leftovers(folder.path)
            save_config(prepared.config, folder, record)
            record.start()
            record.write(folder)
        recorded = RecordCallback(record, folder, every=1.0 if own else 0.0)
        with recorded, naming_open_files(), StopFlag(at_once=True) as stop:
            with writing(folder.path):
                write_provenance(folder, Path.cwd(), prepared.config.training, record.attempts)
            work = make(prepared)
            board = open_run_board(prepared.config, folder, record, work)
            epochs = {} if prepared.config.program else {"epoch log": EpochLog(record.groups)}
            every = {**board, "record": recorded, **epochs, **callbacks}
            checkpoints = Checkpoints(folder.checkpoints, record.id)
            with ranks_together(prepared, folder, resume, stop, recorded.fail) as ranks:
                work.run(every, checkpoints, stop, resume, ranks)
        if not own:  # the record says by now that the run has finished
            checkpoints.keep_only(prepared.config.settings.trainer.checkpoint.keep)


def save_config(config: RunConfig, folder: RunFolder, record: RunRecord) -> None:
    """Write config.yaml with secrets masked, and sign it together with the rest of `config`.

    A run made from someone else's is not signed, because only the parts that it builds were checked.
    """
    text = config.text
    now = sign(config_in(record, plain_yaml.load(text)).to_sign()) if config.own else None
    if config.own and now is None:
        log.warning("the run is not signed: %s", why_no_key())
    digest = hashlib.sha256(text.encode()).hexdigest()
    if folder.begun:  # a job that was stopped before it began has a record alone
        _record_both(folder, record, now, digest)
    record.signature, record.config_sha256 = now, digest
    write_atomic(folder.config, text)


def _record_both(folder: RunFolder, record: RunRecord, now: str | None, digest: str) -> None:
    """Write a run.json that fits the present config.yaml and the next one, for a kill between the writes."""
    saved = read_run(folder.path)
    record.config_sha256 = f"{saved.record.config_sha256} {digest}"
    if now and origin_of(saved) is Origin.OWN:
        record.signature = f"{sign(config_in(record, saved.config.values).to_sign())} {now}"
    record.write(folder)


def mask_hydra_files(folder: RunFolder) -> None:
    """Mask secrets in the files that Hydra itself wrote to the folder."""
    for path in (folder.path / ".hydra").glob("*.yaml"):
        try:
            value = plain_yaml.load(read_text(path))
        except (Unreadable, ValueError, yaml.YAMLError) as error:
            log.warning("%s cannot be read: %s", path, reason(error))
            continue
        if (safe := masked(value)) != value:
            write_atomic(path, plain_yaml.dump(safe))


def open_run_board(
    config: RunConfig, folder: RunFolder, record: RunRecord, work: Work
) -> dict[str, Callback]:
    """Return the callbacks of the board, which also shows hyperparameters, configuration and environment.

    Runs on other data are not grouped with this one.
    """
    values, typed, varied = config.training, config.overrides, record.swept
    asked = asked_for(values, typed, varied)
    swept = asked_for(values, [override for override in typed if key_of(override) in varied], varied)
    row = hparams(values, config.groups, asked, config.interpolations)
    group = group_name(masked(row) | {DATA: work.content or config.data_root})
    columns = masked(board_columns(row, asked, swept))
    name = row_name(masked(row), asked, group, swept)
    texts = {"config": config.text, "command": record.command}
    pages = {"environment": environment_page(read_environment(folder)), **work.pages}
    return open_board(folder.path, _logging(work, record), columns, name, texts, pages)


def _logging(work: Work, record: RunRecord) -> LoggingSettings:
    """Return what is written to the board: of a sweep on one data set, only the first job shows samples."""
    same_data = record.swept and not any(key.startswith("dataset") for key in record.swept)
    return replace(work.logging, images=0) if same_data and record.number else work.logging
