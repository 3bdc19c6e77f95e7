"""One run, from its checked configuration to its finished record."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sweepboard import __version__
from sweepboard.board.assemble import board_observers
from sweepboard.compose.build import Experiment, build
from sweepboard.compose.prepare import Prepared
from sweepboard.files import write_atomic
from sweepboard.lifecycle.folder import RunFolder
from sweepboard.lifecycle.keeper import RecordKeeper
from sweepboard.lifecycle.lock import only_writer
from sweepboard.lifecycle.logs import logged_to
from sweepboard.lifecycle.provenance import write_provenance
from sweepboard.lifecycle.record import RunRecord
from sweepboard.lifecycle.secrets import masked, masked_text
from sweepboard.names import group_name, hparams
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.loop import Progress, fit
from sweepboard.training.observer import Observer
from sweepboard.training.stop import StopFlag

log = logging.getLogger(__name__)


def new_record(prepared: Prepared, command: str, parent: str | None = None) -> RunRecord:
    """The record of a run that is about to start."""
    return RunRecord(
        seed=prepared.config["seed"],
        groups=dict(prepared.groups),
        overrides=[masked_text(word) for word in prepared.overrides],
        links=dict(prepared.links),
        command=masked_text(command),
        parent=parent,
        sweepboard=__version__,
    )


def execute(
    prepared: Prepared, folder: RunFolder, record: RunRecord, watchers: Sequence[Observer] = ()
) -> Progress:
    """Train what `prepared` says in the claimed `folder`; its record is right after any end."""
    with only_writer(folder), logged_to(folder.log), RecordKeeper(record, folder) as keeper:
        save_config(prepared, folder)
        write_provenance(folder, Path.cwd())
        return train(prepared, build(prepared), folder, record, [keeper, *watchers])


def save_config(prepared: Prepared, folder: RunFolder) -> None:
    """Write config.yaml: what the run really uses, without secrets."""
    write_atomic(folder.config, config_text(prepared.config))


def config_text(config: Mapping[str, Any]) -> str:
    """A configuration as YAML for people and for `rerun`, secrets masked."""
    return yaml.safe_dump(masked(dict(config)), sort_keys=False, allow_unicode=True)
