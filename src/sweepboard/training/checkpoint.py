"""Write and read the checkpoints of a run: each is replaced as a whole, and the previous one is kept."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweepboard.errors import DamagedFile
from sweepboard.files import remove_leftovers, replaced, sync_folder
from sweepboard.training.checkpoint_file import (
    DamagedCheckpoint,
    ForeignCheckpoint,
    fitting,
    load_checkpoint,
    write_checkpoint,
)
from sweepboard.training.loop_state import BestState, LoopState
from sweepboard.training.state_copies import StateCopies

log = logging.getLogger("sweepboard")


class Checkpoints:
    """The checkpoints of one run, in `folder`: `last.pt`, `last.previous.pt` and `best.pt`.

    When the final validation, which a longer run would not make at that step, gives the best weights,
    `best.previous.pt` keeps the best weights before it. Every checkpoint holds `run`, the id of the run
    (`RunRecord.id`).

    Only the process that trains the run may call `save` and `clean`. `save` blocks only while it copies the
    state in memory, into that of the copy before; a background thread writes it. A save that fails (disk
    full, folder gone) leaves the old checkpoint unchanged, is warned of once, and is tried again with the
    next save.
    """

    def __init__(self, folder: Path, run: str = "") -> None:
        self.run = run
        self.run_folder = folder.parent
        self.last = folder / "last.pt"
        self.previous = folder / "last.previous.pt"
        self.best = folder / "best.pt"
        self.previous_best = folder / "best.previous.pt"
        self._of_end_only = False
        self._best_step = 0
        self._keep_best = False
        self._writing: threading.Thread | None = None
        self._copies = {path: StateCopies() for path in (self.last, self.best)}
        self._unsaved: dict[Path, Mapping[str, Any]] = {}
        self._trouble: str | None = None
        self._bug: Exception | None = None
        self._proven = False
        self._wrote_last = False

    def clean(self, best_step: int | None = None) -> None:
        """Remove unfinished files, and restore `best.pt` from `best.previous.pt` if that is of `best_step`.

        `best_step` is the step of the best weights so far. A `best.pt` of another step was saved after the
        state that training resumes from: it is kept until training reaches its step again.
        """
        remove_leftovers(self.last.parent)
        with suppress(FileNotFoundError, DamagedFile):
            if load_checkpoint(self.previous_best)["step"] == best_step:
                self.previous_best.replace(self.best)
        self.previous_best.unlink(missing_ok=True)
        with suppress(FileNotFoundError, DamagedFile, LookupError, TypeError, ValueError):
            self._best_step = int(load_checkpoint(self.best)["step"])
            self._keep_best = self._best_step != best_step

    def keep_only(self, kept: str) -> None:
        """Remove the checkpoints that a finished run need not keep: see `trainer.checkpoint.keep`.

        A missing best.pt or last.pt is not replaced by nothing: then the other one stays.
        """
        lasting, best = [self.last, self.previous], [self.best, self.previous_best]
        spare = {
            "both": [self.previous],
            "best": [*lasting, self.previous_best] if self.best.is_file() else [self.previous],
            "last": [self.previous, *best] if self.last.is_file() else [self.previous_best],
        }
        try:
            for path in spare.get(kept, []):
                path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed: %s", error.filename, error.strerror or error)

    def save(
        self,
        last: Mapping[str, Any] | None = None,
        best: Mapping[str, Any] | None = None,
        first: Callable[[], None] = lambda: None,
        of_end_only: bool = False,
    ) -> None:
        """Save `last` and `best` as `last.pt` and `best.pt`; the old `last.pt` becomes `last.previous.pt`.

        Return before the files are written, but wait for an earlier save first. The background thread calls
        `first` before it writes. `of_end_only` says that a longer run would not validate at this step.
        """
        self.wait()
        named = {self.best: best, self.last: last}
        states = {path: self._copies[path].of(state) for path, state in named.items() if state is not None}
        self._of_end_only = of_end_only
        if states:
            self._writing = threading.Thread(
                target=self._write_all, args=(states, first), name="checkpoint", daemon=True
            )
            self._writing.start()

    def wait(self) -> str | None:
        """Wait for the background thread; return why a file could not be written, or None.

        Raise the error of torch.save for a state that it cannot save.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.join()
        if self._bug is not None:
            raise self._bug
        return self._trouble

    def load(self, steps: int = 0) -> LoopState | None:
        """Return the newest undamaged state, or None if nothing was saved. Warn if it is not the last one.

        When extending a finished run to `steps`, return the state saved before the final validation and
        test. Raise DamagedCheckpoint if there are checkpoints and all are damaged, ForeignCheckpoint if one
        is of another run.
        """
        damage = None
        for path in (self.last, self.previous):
            try:
                state = self._state_in(path)
            except FileNotFoundError:
                continue
            except DamagedCheckpoint as error:
                damage = damage or error
                continue
            if damage is not None:
                log.warning("%s; going on from the previous one, step %s", damage, state.step)
            return self._before_its_end(state) if steps and state.total_steps < steps else state
        if damage is not None:
            raise damage
        return None

    def load_best(self, step: int) -> BestState | None:
        """Return the best weights if they are those of `step`; None if they are not there or damaged."""
        self.wait()
        try:
            content = self._unsaved.get(self.best) or load_checkpoint(self.best, self.run)
            with fitting(str(self.best)):
                best = BestState.from_dict(content)
        except (OSError, DamagedCheckpoint, ForeignCheckpoint):
            return None
        return best if best.step == step else None

    def _state_in(self, path: Path) -> LoopState:
        content = load_checkpoint(path, self.run)
        with fitting(str(path)):
            return LoopState.from_dict(content)

    def _before_its_end(self, state: LoopState) -> LoopState:
        try:
            earlier = self._state_in(self.previous)
        except (FileNotFoundError, DamagedCheckpoint):
            return state
        return earlier if earlier.due and earlier.step == state.step else state

    def _write_all(self, states: dict[Path, Any], first: Callable[[], None]) -> None:
        """Write `states`, and again the files that failed last time unless a newer state replaces them."""
        try:
            self._keep_best = self._keep_best and not self._has_come_to_best(states)
            self._unsaved |= {path: {"run": self.run, **state} for path, state in states.items()}
            first()
            due = [path for path in self._unsaved if path != self.best or not self._keep_best]
            failed = [self._tried(path) for path in due]
            self._trouble = next(filter(None, reversed(failed)), None)
        except Exception as error:
            self._bug = error

    def _has_come_to_best(self, states: Mapping[Path, Any]) -> bool:
        """Return whether training has reached the step of the best.pt that it started with."""
        of_best = states.get(self.best, {"step": -1})["step"]
        return of_best >= self._best_step or any(state["step"] > self._best_step for state in states.values())

    def _tried(self, path: Path) -> str | None:
        """Write one file; return why it failed, or None. Warn of the first failure only."""
        try:
            self._write_one(path, self._unsaved[path])
            del self._unsaved[path]
        except OSError as error:
            why = error.strerror or str(error)
            if self._trouble is None:
                older = " (the one before is untouched)" if path.exists() else ""
                log.warning("checkpoint not saved: %s: %s%s", path, why, older)
            self._trouble = why
            return why
        return None

    def _write_one(self, path: Path, state: Mapping[str, Any]) -> None:
        path.parent.mkdir(exist_ok=True)
        if path == self.last:
            self._replace_last(state)
        else:
            if self._of_end_only and path.exists():
                _give_second_name(path, self.previous_best)
            _write(path, state)
        self._prove(path)

    def _prove(self, path: Path) -> None:
        """Read the first checkpoint back, to warn early of a state that cannot be loaded safely."""
        if not self._proven:
            self._proven = True
            try:
                load_checkpoint(path)
            except DamagedCheckpoint as error:
                log.warning("this run will not be able to resume: %s", error)

    def _replace_last(self, state: Mapping[str, Any]) -> None:
        fresh = self.last.with_name(".last.tmp")
        _write(fresh, state)  # a full disk fails here, before both old files are touched
        if self._wrote_last or self._last_is_sound():
            _give_second_name(self.last, self.previous)
        fresh.replace(self.last)
        sync_folder(self.last.parent)
        self._wrote_last = True

    def _last_is_sound(self) -> bool:
        """Return whether last.pt is undamaged; a damaged one must not replace last.previous.pt."""
        try:
            load_checkpoint(self.last)
        except (FileNotFoundError, DamagedCheckpoint):
            return False
        return True


class NoCheckpoints(Checkpoints):
    """The checkpoints of a rank that saves none: rank 0 does, with what this one sends."""

    def clean(self, best_step: int | None = None) -> None:
        """Do nothing."""

    def save(
        self,
        last: Mapping[str, Any] | None = None,
        best: Mapping[str, Any] | None = None,
        first: Callable[[], None] = lambda: None,
        of_end_only: bool = False,
    ) -> None:
        """Do nothing."""


def _write(path: Path, state: Mapping[str, Any]) -> None:
    with replaced(path) as file:
        write_checkpoint(file, state)


def _give_second_name(path: Path, second: Path) -> None:
    """Give a checkpoint that will be replaced its second name; the first name exists at every moment."""
    link = path.with_name(".previous.tmp")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError:  # a file system without hard links: for a moment there is only the second one
        path.replace(second)
        return
    link.replace(second)
    link.unlink(missing_ok=True)  # where both are one file already, rename does nothing


def weights_sha256(model: nn.Module) -> str:
    """Return the SHA-256 of a state dict: names, types, shapes and bytes of parameters and buffers."""
    return tensors_sha256(model.state_dict())


def tensors_sha256(tensors: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the names, types, shapes and bytes of the tensors in a mapping."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        if isinstance(tensor, torch.Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
