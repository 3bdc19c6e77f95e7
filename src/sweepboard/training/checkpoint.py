"""Checkpoints: whole or not at all, checked when read, and the previous one kept.

A checkpoint is one file that plain `torch.load` opens. Its SHA-256 stands in the same file, as the comment
of the ZIP archive that `torch.save` writes: with the digest in a second file there would be a moment, between
two renames, at which a kill leaves a pair that does not fit together.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweepboard.errors import DamagedFile, UserError, reason
from sweepboard.files import Unreadable, read_bytes, remove_leftovers, sync_folder, write_atomic
from sweepboard.training.loop_state import LoopState

log = logging.getLogger("sweepboard")

FORMAT = 1
"""Version of what a state holds; a later one is refused rather than misread."""

_MARK = b"sha256:"
_COMMENT = len(_MARK) + 64


class DamagedCheckpoint(DamagedFile):
    """A checkpoint that is cut short, changed, of another program, or holds more than tensors and numbers."""


class ForeignCheckpoint(UserError):
    """A checkpoint that another run has saved."""


class Checkpoints:
    """The checkpoints of one run, in `folder`: `last.pt`, the one before it, and `best.pt`; where a
    validation of the run's end only was the best, also the best before, for a run that becomes longer.

    `run` is the run's own mark (`RunRecord.id`), which stands in every checkpoint.

    Only the process that trains the run may call `save` and `clean`. Saving takes from the training thread
    the time to copy the state in memory; a second thread packs it and writes it to the disk. A save that
    fails (disk full, folder gone) leaves the old checkpoint as it was, is told once, and is tried again with
    the next.
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
        self._unsaved: dict[Path, bytes] = {}
        self._trouble: str | None = None
        self._bug: Exception | None = None
        self._proven = False
        self._wrote_last = False

    def clean(self, best_step: int | None = None) -> None:
        """Remove what a killed process left half written, and the best weights of an end that is none any
        more: the best until now are those of `best_step`.

        A best.pt of a later step than the state that training goes on from stays until training has come to
        that step again: all before it was worse.
        """
        remove_leftovers(self.last.parent)
        with suppress(FileNotFoundError, DamagedFile):
            if load_checkpoint(self.previous_best)["step"] == best_step:
                self.previous_best.replace(self.best)
        self.previous_best.unlink(missing_ok=True)
        with suppress(FileNotFoundError, DamagedFile, LookupError, TypeError, ValueError):
            self._best_step = int(load_checkpoint(self.best)["step"])
            self._keep_best = self._best_step != best_step

    def save(
        self,
        last: Mapping[str, Any] | None = None,
        best: Mapping[str, Any] | None = None,
        first: Callable[[], None] = lambda: None,
        of_end_only: bool = False,
    ) -> None:
        """Make these states the last and the best checkpoint; the last one so far becomes the previous one.

        Returns before they are on the disk, unless the save before is still being written. `first` is called
        by the thread that writes, before it does. `of_end_only`: no longer run has been validated here.
        """
        named = {self.best: best, self.last: last}
        states = {path: copied(state) for path, state in named.items() if state is not None}
        self.wait()
        self._of_end_only = of_end_only
        if states:
            self._writing = threading.Thread(target=self._write_all, args=(states, first), daemon=True)
            self._writing.start()

    def wait(self) -> str | None:
        """Wait until what was saved is on the disk; returns why something of it is not, if so.

        Raises whatever torch.save did, for a state that no file can hold.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.join()
        if self._bug is not None:
            raise self._bug
        return self._trouble

    def load(self, steps: int = 0) -> LoopState | None:
        """Return the newest undamaged state; None if nothing was saved. Warn where it is not the last one.

        When a finished run is extended to `steps`, return the state before what belongs to an end only (the
        loop saves both). Raise DamagedCheckpoint where there are checkpoints and none holds a whole state,
        ForeignCheckpoint where one is of another run.
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
        """What could not be written the last time is tried again, unless there is a newer one of it."""
        try:
            self._keep_best = self._keep_best and not self._has_come_to_best(states)
            self._unsaved |= {path: packed({"run": self.run, **state}) for path, state in states.items()}
            states.clear()  # the memory that they take
            first()
            due = [path for path in self._unsaved if path != self.best or not self._keep_best]
            failed = [self._tried(path) for path in due]
            self._trouble = next(filter(None, reversed(failed)), None)
        except Exception as error:
            self._bug = error

    def _has_come_to_best(self, states: Mapping[Path, Any]) -> bool:
        """Whether training has validated at the step of the best.pt that it found, or gone beyond it."""
        of_best = states.get(self.best, {"step": -1})["step"]
        return of_best >= self._best_step or any(state["step"] > self._best_step for state in states.values())

    def _tried(self, path: Path) -> str | None:
        """Write one file; returns why it could not be, and says so where all went well until now."""
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

    def _write_one(self, path: Path, content: bytes) -> None:
        self._prove(path, content)
        path.parent.mkdir(exist_ok=True)
        if path == self.last:
            self._replace_last(content)
            return
        if self._of_end_only and path.exists():
            _give_second_name(path, self.previous_best)
        write_atomic(path, content)

    def _prove(self, path: Path, content: bytes) -> None:
        """Load the first checkpoint once, so that a state that only pickle could bring back is told now."""
        if not self._proven:
            self._proven = True
            try:
                unpacked(content, path)
            except DamagedCheckpoint as error:
                log.warning("this run will not be able to resume: %s", error)

    def _replace_last(self, content: bytes) -> None:
        fresh = self.last.with_name(".last.tmp")
        write_atomic(fresh, content)  # a full disk shows here, with both old ones untouched
        if self._wrote_last or self._last_is_sound():
            _give_second_name(self.last, self.previous)
        fresh.replace(self.last)
        sync_folder(self.last.parent)
        self._wrote_last = True

    def _last_is_sound(self) -> bool:
        """Whether it may replace the previous one: a run that had to go back to that must not lose it."""
        try:
            load_checkpoint(self.last)
        except (FileNotFoundError, DamagedCheckpoint):
            return False
        return True


def _give_second_name(path: Path, second: Path) -> None:
    """Give a checkpoint that is about to be replaced its second name, with no moment without the first."""
    link = path.with_name(".previous.tmp")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError:  # a file system without hard links: for a moment there is only the second one
        path.replace(second)
        return
    link.replace(second)
    link.unlink(missing_ok=True)  # where both are one file already, rename does nothing


def copied(value: Any) -> Any:
    """`value` in plain containers, every tensor copied to memory of its own, so that training can go on."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    if type(value) is tuple:
        return tuple(copied(item) for item in value)
    return deepcopy(value)


def packed(state: Mapping[str, Any]) -> bytes:
    """`state` as the content of a checkpoint file: what `torch.save` writes, its digest as the comment."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    buffer.seek(-2, os.SEEK_END)  # an archive without a comment ends with the comment's length
    buffer.write(_COMMENT.to_bytes(2, "little"))
    with buffer.getbuffer() as archive:
        digest = hashlib.sha256(archive).hexdigest()
    buffer.write(_MARK + digest.encode())
    return buffer.getvalue()


def unpacked(content: bytes, path: Path) -> dict[str, Any]:
    """The state in `content` of the file `path`, tensors on the CPU. Nothing in it is ever executed.

    Raises DamagedCheckpoint, which names the file and what is wrong with it.
    """
    archive, comment = memoryview(content)[:-_COMMENT], content[-_COMMENT:]
    if not comment.startswith(_MARK):
        raise DamagedCheckpoint(f"{path} is cut short, or no checkpoint of sweepboard")
    if comment != _MARK + hashlib.sha256(archive).hexdigest().encode():
        raise DamagedCheckpoint(f"{path} is damaged: its content does not match its SHA-256")
    _refuse_packed(content, path)
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file from elsewhere makes torch raise
        raise DamagedCheckpoint(f"{path} holds more than tensors and numbers, and was not opened") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DamagedCheckpoint(f"{path} is of another version of sweepboard, or no checkpoint of it")
    return state


def _refuse_packed(content: bytes, path: Path) -> None:
    """torch writes everything at its full length; what is packed, or used twice, could fill any memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise DamagedCheckpoint(f"{path} holds more than tensors and numbers, and was not opened") from error
    packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
    if packed or sum(part.file_size for part in parts) > len(content):
        raise DamagedCheckpoint(f"{path} holds more than its size, and was not opened")


def load_checkpoint(path: Path, run: str | None = None) -> dict[str, Any]:
    """The state in a checkpoint file, which must be of the run with the mark `run` where that is given.

    Raises FileNotFoundError, ForeignCheckpoint, or DamagedCheckpoint as `unpacked` does.
    """
    try:
        state = unpacked(read_bytes(path, _most_bytes()), path)
    except Unreadable as error:
        raise DamagedCheckpoint(f"{path} is no checkpoint: {error}") from error
    if run is not None and state.get("run", "") != run:
        raise ForeignCheckpoint(f"{path} is of another run: put this run's own checkpoint back")
    return state


def _most_bytes() -> int:
    """Half of the memory of this machine: no state that it can train with is larger."""
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return 2**36
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


@contextmanager
def fitting(name: str = "the checkpoint") -> Iterator[None]:
    """Turn what a state of other keys, types or shapes makes Python and torch raise into one line.

    Raises `DamagedCheckpoint`.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        missing = "it lacks " if isinstance(error, KeyError) else ""
        raise DamagedCheckpoint(f"{name} does not fit this run: {missing}{reason(error)}") from error


def weights_sha256(model: nn.Module) -> str:
    """Digest of a model's state dict: names, types, shapes and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
