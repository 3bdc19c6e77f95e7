"""One run, from its checked configuration to its finished record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeAlias

import yaml

from sweepboard import plain_yaml
from sweepboard.board.open_board import open_board
from sweepboard.compose.build import Experiment, build
from sweepboard.compose.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import naming_open_files, reason
from sweepboard.files import Unreadable, read_text, remove_leftovers, write_atomic, writing
from sweepboard.hyperparameters import DATA, asked_for, board_columns, group_name, hparams
from sweepboard.names import key_of
from sweepboard.runs.epoch_log import EpochLog
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.log_file import logged_to
from sweepboard.runs.provenance import write_provenance
from sweepboard.runs.record import RunRecord
from sweepboard.runs.record_callback import RecordCallback
from sweepboard.runs.saved_run import origin_of, read_run
from sweepboard.secrets import masked, masked_command, masked_words, remember
from sweepboard.signing import Origin, sign, why_no_key
from sweepboard.training.callback import NO_CALLBACKS, Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.loop import fit
from sweepboard.training.loop_state import LoopState
from sweepboard.training.progress import Progress
from sweepboard.training.signals import StopFlag
from sweepboard.version import __version__

log = logging.getLogger(__name__)

Make: TypeAlias = Callable[[Prepared], Experiment]
"""`build`, or what does more than that."""


def new_record(prepared: Prepared, command: str, parent: str | None = None) -> RunRecord:
    """The record of a run that is about to start."""
    config = prepared.config
    remember(config.values)
    return RunRecord(
        id=token_hex(8),
        samples=dict(prepared.source.sizes),
        seed=config.values["seed"],
        groups=dict(config.groups),
        overrides=masked_words(config.overrides),
        interpolations=dict(config.interpolations),
        command=masked_command(command),
        parent=parent,
        classes=list(prepared.source.spec.class_names),
        sweepboard=__version__,
    )


def execute(
    prepared: Prepared,
    folder: RunFolder,
    record: RunRecord,
    callbacks: Mapping[str, Callback] = NO_CALLBACKS,
    resume: LoopState | None = None,
    make: Make = build,
) -> Progress:
    """Train what `prepared` says in the claimed `folder`; its record is right after any end.

    `callbacks` follow the run beside its own, `resume` is the state of a checkpoint to go on from, `make`
    builds what `prepared` says. The caller holds the folder (`only_writer`). Raise `NotWritable` before the
    training, and `NotSaved` after it where the end could not be written.
    """
    with logged_to(folder.log):
        with writing(folder.path):  # the record comes last: where it stands, there is a run to go on with
            remove_leftovers(folder.path)
            mask_hydra_files(folder)
            save_config(prepared.config, folder, record)
            record.start()
            record.write(folder)
        with RecordCallback(record, folder) as recorded, naming_open_files(), StopFlag(at_once=True) as stop:
            with writing(folder.path):
                write_provenance(folder, Path.cwd(), prepared.config.values, record.attempts)
            experiment = make(prepared)
            board = open_run_board(prepared.config, folder, record, experiment.data.content)
            return fit(
                experiment.learner,
                experiment.data,
                experiment.trainer,
                logging_every_steps=experiment.logging.every_steps,
                callbacks={**board, "record": recorded, "epoch log": EpochLog(), **callbacks},
                checkpoints=Checkpoints(folder.checkpoints, record.id),
                stop=stop,
                resume=resume,
            )


def save_config(config: RunConfig, folder: RunFolder, record: RunRecord) -> None:
    """Write config.yaml, the values that the run uses but for secrets, signed with the rest of `config`.

    A run that was made from someone else's is not signed: only what it builds now was checked.
    """
    text = config_text(config.values)
    now = sign(_saved(plain_yaml.load(text), record).to_sign()) if config.own else None
    if config.own and now is None:
        log.warning("the run is not signed: %s", why_no_key())
    if now and folder.record.is_file():
        _sign_until_replaced(folder, record, now)
    record.signature = now
    write_atomic(folder.config, text)


def _sign_until_replaced(folder: RunFolder, record: RunRecord, now: str) -> None:
    """Let the config.yaml that stands and the one to come both fit run.json: a kill may come in between."""
    saved = read_run(folder.path)
    if origin_of(saved) is Origin.OWN:
        record.signature = f"{sign(_saved(saved.config.values, record).to_sign())} {now}"
        record.write(folder)


def _saved(values: dict[str, Any], record: RunRecord) -> RunConfig:
    """Return the configuration as it is read from the run's files."""
    return RunConfig(values, record.interpolations, record.groups, record.overrides)


def mask_hydra_files(folder: RunFolder) -> None:
    """Take secrets out of what Hydra wrote into the folder before it called us."""
    for path in (folder.path / ".hydra").glob("*.yaml"):
        try:
            value = plain_yaml.load(read_text(path))
        except (Unreadable, ValueError, yaml.YAMLError) as error:  # damaged since, in a run that goes on
            log.warning("%s cannot be read: %s", path, reason(error))
            continue
        if (safe := masked(value)) != value:
            write_atomic(path, plain_yaml.dump(safe))


def config_text(config: Mapping[str, Any]) -> str:
    """A configuration as YAML for people and for `rerun`, secrets masked."""
    return plain_yaml.dump(masked(dict(config)))


def open_run_board(config: RunConfig, folder: RunFolder, record: RunRecord, data: str) -> dict[str, Callback]:
    """Return the callbacks of a run's board, which also shows its hyperparameters, configuration and command.

    `data` is the digest of the data, or empty: runs on other data are no repeats of this one.
    """
    values, typed, varied = config.values, config.overrides, record.swept
    asked = asked_for(values, typed, varied)
    swept = asked_for(values, [override for override in typed if key_of(override) in varied], varied)
    row = hparams(values, config.groups, asked, config.interpolations)
    group = group_name(masked(row) | {DATA: data or str(values["dataset"].get("root"))})
    texts = {"config": config_text(values), "command": record.command}
    columns = masked(board_columns(row, asked, swept))
    return open_board(folder.path, config.settings.logging, columns, group, texts)
