"""Resume a stopped run in its own folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sweepboard.building.build import build_work
from sweepboard.building.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError
from sweepboard.runs.changes_since import accepted, changed_code, changed_content, changed_data
from sweepboard.runs.differences import Difference, between_runs
from sweepboard.runs.execute import Make, execute
from sweepboard.runs.load_model import weights_gone
from sweepboard.runs.lock import only_writer, refuse_links
from sweepboard.runs.log_file import logged_to
from sweepboard.runs.record import RunRecord
from sweepboard.runs.reload import prepare_saved
from sweepboard.runs.saved_run import SavedRun, read_run
from sweepboard.runs.weight_files import changed_weights
from sweepboard.training.callback import NO_CALLBACKS, Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.checkpoint_file import DamagedCheckpoint, fitting, load_checkpoint
from sweepboard.training.ending import FINISHED
from sweepboard.training.loop_state import BestState, LoopState
from sweepboard.training.signals import StopFlag
from sweepboard.training.work import Work

log = logging.getLogger(__name__)


class AnotherRun(UserError):
    """A resume with overrides that would change the results of the run."""


class Changed(UserError):
    """A run whose data or code changed since it was trained."""


class NothingToResume(UserError):
    """A run whose last checkpoint is missing."""


def why_complete(saved: SavedRun, prepared: Prepared) -> str | None:
    """Return why a finished run has nothing left to do, or None.

    A finished run can be extended, unless early stopping ended it: a longer run would have ended there too.
    """
    record = saved.record
    if record.status != FINISHED:
        return None
    if prepared.config.program:
        return "has finished: nothing is left to do"
    if record.step < record.total_steps and not record.stopped:
        return f"stopped early at step {record.step}, as a longer run would have: nothing is left to do"
    if prepared.config.steps <= record.total_steps:
        how = f"was stopped at step {record.step} by {record.stopped}" if record.stopped else "has finished"
        length = "epochs" if prepared.config.settings.trainer.steps is None else "steps"
        return f"{how}: nothing is left to do (trainer.{length}=N makes it longer)"
    return None


def prepare_resume(
    saved: SavedRun,
    overrides: Sequence[str] = (),
    allowed: Sequence[str] = (),
    accept: bool = False,
    config_dirs: Sequence[Path] = (),
) -> Prepared:
    """Return the configuration of the resumed run; `config_dirs` hold options that overrides name.

    Raise `AnotherRun` for overrides that a resume cannot make; unless `accept`, `Changed` for changed data or
    code and `ChangedSinceSigned` for a changed configuration; and `LinkInFolder`.
    """
    refuse_links(saved.folder)
    prepared = prepare_saved(saved, overrides, allowed, config_dirs, accept, anew=False)
    refuse_changes(saved, prepared, accept)
    _refuse_shortening(saved, prepared)
    added = prepared.config.overrides[len(saved.record.overrides) :]
    typed = " ".join([*(f"--config-dir={folder}" for folder in config_dirs), *added])
    instead = f"type `sweepboard rerun {saved.folder} {typed}` instead"
    refuse_another_run(saved.config, prepared.config, instead, bool(changed_data(saved.record, prepared)))
    return prepared.placed(saved.folder.path, saved.record.number)  # the folder may have been moved


def refuse_changes(saved: SavedRun, prepared: Prepared, accept: bool = False) -> None:
    """Raise `Changed`, unless `accept`, for changes that are found without reading the data.

    Raise `AnotherRun`, also with `accept`, if the model no longer fits the data.
    """
    data = changed_data(saved.record, prepared)
    unlike = [] if prepared.config.program else _other_shapes(saved, prepared)
    if unlike:
        data = data or unlike
        raise AnotherRun(
            f"{saved.folder}: {_listed(data)}: its model does not fit these data; put back those that it was "
            f"trained on, or type `sweepboard rerun {saved.folder}`"
        )
    found = [*data, *changed_weights(saved.record, prepared), *changed_code(saved, prepared)]
    _refuse(saved, found, accept)


def _other_shapes(saved: SavedRun, prepared: Prepared) -> list[Difference]:
    then, now = saved.config.values["facts"], prepared.source.spec
    outputs, shape = (None, None) if now is None else (now.outputs, list(now.input_shape))
    shapes = [Difference("outputs", then["outputs"], outputs)]
    shapes += [Difference("input_shape", then["input_shape"], shape)]
    return [shape for shape in shapes if shape.then != shape.now]


def resume(
    saved: SavedRun,
    prepared: Prepared,
    callbacks: Mapping[str, Callback] = NO_CALLBACKS,
    accept: bool = False,
    make: Make = build_work,
) -> None:
    """Train from the last undamaged checkpoint, or from the start if none was saved.

    Nothing is written before the data are read and compared with the training data. Raise `Changed` if data
    or code changed, unless `accept`; `FolderLocked` if the run is still running; `DamagedCheckpoint` if no
    checkpoint can be read; `ForeignCheckpoint` if it is of another run.
    """
    folder = saved.folder
    with only_writer(folder):
        saved = read_run(folder.path)  # again: a process that held the lock may have written since
        record = saved.record
        refuse_changes(saved, prepared, accept)
        state = _state(saved, prepared)
        with StopFlag(at_once=True):
            prepared = replace(prepared, anew=state is None)
            work = make(prepared)
        found = _found(saved, prepared, work)
        _refuse(saved, found, accept)
        if state is not None:
            with fitting():  # raises before anything is written
                work.check(state)
        with logged_to(folder.log):
            _enter(record, prepared, work, found)
        execute(prepared, folder, record, callbacks, state, lambda _: work)


def _found(saved: SavedRun, prepared: Prepared, work: Work) -> list[Difference]:
    record = saved.record
    data = changed_data(record, prepared) or changed_content(record, work.fingerprint)
    return [*data, *changed_weights(record, prepared), *changed_code(saved, prepared)]


def _refuse(saved: SavedRun, found: Sequence[Difference], accept: bool) -> None:
    if found and not accept:
        raise Changed(
            f"{saved.folder}: {_listed(found)}: not what it was trained with; put that back, or add "
            f"--accept-changes to go on all the same, or type `sweepboard rerun {saved.folder}`"
        )


def _state(saved: SavedRun, prepared: Prepared) -> LoopState | None:
    checkpoints = Checkpoints(saved.folder.checkpoints, saved.record.id)
    state = checkpoints.load(prepared.config.steps)
    if state is not None:
        return state
    if saved.record.checkpointed:
        _refuse_only_best(saved, checkpoints.best)
    if saved.record.status == FINISHED:
        raise NothingToResume(weights_gone(saved.folder))
    log.warning("no checkpoint was saved yet: starting from the beginning")
    return None


def _refuse_only_best(saved: SavedRun, best: Path) -> None:
    """Raise `NothingToResume` if a new start would overwrite the only weights left, in best.pt."""
    try:
        content = load_checkpoint(best, saved.record.id)
        with fitting(str(best)):
            step = BestState.from_dict(content).step
    except (FileNotFoundError, DamagedCheckpoint):
        return
    raise NothingToResume(
        f"{saved.folder}: checkpoints/last.pt is gone, and best.pt (step {step}) has weights to test, "
        "export and load, but not all that it takes to go on: put last.pt back, or type "
        f"`sweepboard rerun {saved.folder}`"
    )


def _enter(record: RunRecord, prepared: Prepared, work: Work, found: list[Difference]) -> None:
    record.attempts += 1
    record.overrides = list(prepared.config.overrides)
    record.writes_only = list(prepared.config.writes_only)
    if found:
        log.warning("goes on with changes: %s", _listed(found))
        record.changed.append(accepted(record, prepared, work.fingerprint, found))


def refuse_another_run(then: RunConfig, now: RunConfig, instead: str, other_data: bool = False) -> None:
    """Raise `AnotherRun`, which says what to do `instead`, if a run of `then` cannot become one of `now`.

    With accepted changes of the data (`other_data`), values derived from the data may change.
    """
    different = between_runs(then, now)
    changes = [change for change in different if change.effect in ("result", "logging")]
    followers = [one for one in changes if now.interpolations.get(one.key, "").startswith("facts.")]
    if other_data:
        changes, followers = [change for change in changes if change not in followers], []
    if followers:
        raise AnotherRun(
            f"{_listed(changes)}: the schedule was laid out for the first length, so that a run of another "
            f"length is another run from its first step on; {instead}"
        )
    if changes:
        raise AnotherRun(f"{_listed(changes)}: that would be another run; {instead}")


def _listed(found: Sequence[Difference]) -> str:
    return ", ".join(map(str, found))


def _refuse_shortening(saved: SavedRun, prepared: Prepared) -> None:
    steps = prepared.config.steps
    if not prepared.config.program and steps < saved.record.step:
        raise AnotherRun(
            f"the run has made {saved.record.step} updates and cannot become one of {steps}; "
            "give a length beyond that, or rerun it"
        )
