"""Go on with a run that was stopped, in its own folder, to the end it would have had."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sweepboard.compose.prepare import Prepared
from sweepboard.errors import UserError
from sweepboard.lifecycle.differences import Difference, between_configs, between_environments
from sweepboard.lifecycle.execute import execute
from sweepboard.lifecycle.lock import only_writer, refuse_links
from sweepboard.lifecycle.provenance import environment
from sweepboard.lifecycle.record import FINISHED, RunRecord, read_record
from sweepboard.lifecycle.saved import SavedRun
from sweepboard.lifecycle.trusting import prepare_saved
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.loop import Progress
from sweepboard.training.observer import Observer

log = logging.getLogger(__name__)


class AnotherRun(UserError):
    """A resume with changes that would make the run another one."""


_LENGTH = ("trainer.epochs", "trainer.steps")
_FREE = (
    *_LENGTH,
    "dataset.root",
    "dataset.workers",
    "dataset.eval_batch_size",
    "dataset.in_memory",
    "trainer.checkpoint.every_epochs",
    "trainer.checkpoint.every_steps",
    "trainer.checkpoint.every_minutes",
    "output_root",
    "facts.",
)
"""What may change when a run goes on, because no number of it up to its old end follows from it."""


class NothingToResume(UserError):
    """A run that has come to its end and whose checkpoints are gone."""


def why_complete(saved: SavedRun, prepared: Prepared) -> str | None:
    """Why nothing is left to do, if that is so: the run has finished, and is not to become longer or stopped
    early, as a longer one would have."""
    record = saved.record
    if record.status != FINISHED:
        return None
    if record.step < record.total_steps:
        return f"stopped early at step {record.step}, as a longer run would have: nothing is left to do"
    if prepared.config["facts"]["steps"] <= record.total_steps:
        return "has finished: nothing is left to do (trainer.epochs=N makes it longer)"
    return None


def prepare_resume(saved: SavedRun, overrides: Sequence[str] = (), allowed: Sequence[str] = ()) -> Prepared:
    """The configuration to go on with. Raises `AnotherRun` naming what may not change, and `LinkInFolder`."""
    refuse_links(saved.folder)
    prepared = prepare_saved(saved, overrides, allowed)
    _refuse_shortening(saved, prepared)
    changes = between_configs(saved.config, prepared.config)
    forbidden = [change for change in changes if not change.key.startswith(_FREE)]
    if forbidden:
        raise AnotherRun(_refusal(saved, forbidden, prepared))
    return prepared


def resume(saved: SavedRun, prepared: Prepared, watchers: Sequence[Observer] = ()) -> Progress:
    """Train on from the last undamaged checkpoint, or from the start where none was saved yet.

    Raises `FolderLocked` where the run is still running, `DamagedCheckpoint` where no checkpoint can be read.
    """
    folder = saved.folder
    with only_writer(folder):
        record = read_record(folder)  # again: the process that held the folder may have written until now
        state = _state(saved, prepared)
        _warn_of_differences(saved)
        _enter(record, prepared)
        return execute(prepared, folder, record, watchers, state)


def _state(saved: SavedRun, prepared: Prepared) -> dict[str, Any] | None:
    state = Checkpoints(saved.folder.checkpoints).load(prepared.config["facts"]["steps"])
    if state is not None:
        return state
    if saved.record.status == FINISHED:
        raise NothingToResume(
            f"{saved.folder} has no checkpoint to go on from; `sweepboard rerun` repeats it"
        )
    log.warning("no checkpoint was saved yet: starting from the beginning")
    return None


def _enter(record: RunRecord, prepared: Prepared) -> None:
    record.sittings += 1
    record.overrides = list(prepared.overrides)


def _refusal(saved: SavedRun, changes: list[Difference], prepared: Prepared) -> str:
    listed = ", ".join(str(change) for change in changes)
    followers = [change.key for change in changes if prepared.links.get(change.key, "").startswith("facts.")]
    words = " ".join(prepared.overrides[len(saved.record.overrides) :])
    if followers:
        return (
            f"{listed}: the schedule was laid out for the first length, so that a run of another length is "
            f"another run from its first step on; type `sweepboard rerun {saved.folder} {words}` instead"
        )
    return f"{listed}: that would be another run; type `sweepboard rerun {saved.folder} {words}` instead"


def _refuse_shortening(saved: SavedRun, prepared: Prepared) -> None:
    steps: int = prepared.config["facts"]["steps"]
    if steps < saved.record.step:
        raise AnotherRun(
            f"the run has made {saved.record.step} updates and cannot become one of {steps}; "
            "give a length beyond that, or rerun it"
        )


def _warn_of_differences(saved: SavedRun) -> None:
    found: Mapping[str, Any] = saved.environment
    for difference in between_environments(found, environment(Path.cwd())) if found else []:
        if difference.matters:
            log.warning("not bit-exact from here: %s", difference)
