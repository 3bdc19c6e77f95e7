"""Errors that a user can cause or fix, each reported in one line.

A `UserError` is printed as `sweepboard: <message>` without a traceback. Its message names the key, what is
wrong and what to type instead. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """A request that cannot be carried out as typed; nothing was started (exit code 2)."""

    exit_code = 2


class ConfigError(UserError):
    """An invalid key, option or value of the configuration."""


class NotHere(ConfigError):
    """A user's module or folder that is not found from the working directory."""


class NotAllowed(UserError):
    """A target or value of another user's run, sweep or search that is refused."""


class RunFailed(UserError):
    """A run that was started and stopped for a known reason (exit code 1)."""

    exit_code = 1


class DamagedFile(RunFailed):
    """A data file that cannot be decoded; the message names it."""


class NonFiniteLoss(RunFailed):
    """The training loss became NaN or infinite.

    `step` is the update in which it happened (counted from 1), `rates` are its learning rates by tag.
    """

    def __init__(self, step: int, rates: Mapping[str, float]) -> None:
        words = [f"{tag.removeprefix('lr').lstrip('/')} {rate:g}".strip() for tag, rate in rates.items()]
        told = f" with learning rate {', '.join(words)}" if words else ""
        remedy = "try a smaller optimizer.lr, or trainer.grad_clip=1.0"
        super().__init__(f"loss became non-finite at step {step}{told}: {remedy}")
        self.step, self.rates = step, dict(rates)


class NotSaved(RunFailed):
    """The end of a run could not be written: the disk is full, or the folder is gone."""

    def __init__(self, folder: Path, why: str) -> None:
        if folder.is_dir():
            super().__init__(
                f"the end of the run could not be saved in {folder}: {why}; "
                f"`sweepboard resume {folder}` makes up for it once that is mended"
            )
        else:
            super().__init__(f"the folder {folder} is gone: nothing of the run is saved")


class TooManyOpenFiles(RunFailed):
    """The limit of open files of this process, or of the machine, is reached."""

    def __init__(self) -> None:
        super().__init__(
            "too many open files: raise the limit (ulimit -n), or use fewer dataset.workers or parallel jobs"
        )


def is_too_many_open_files(error: BaseException) -> bool:
    """Return whether an operating system call failed because of the limit of open files."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


@contextmanager
def naming_open_files() -> Iterator[None]:
    """Raise `TooManyOpenFiles` if an operating system call fails for that reason."""
    try:
        yield
    except OSError as error:
        if not is_too_many_open_files(error):
            raise
        raise TooManyOpenFiles from error


def reason(error: BaseException) -> str:
    """Return an error's message in one line without its file name, or its type if it has no message."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return " ".join(text.split())[:200] or type(error).__name__


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Return the valid name most similar to `word`, or None if none is similar enough."""
    names = list(valid)
    matches = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if not matches:  # learning_rate for lr, wd for weight_decay
        matches = [name for name in names if name == _initials(word) or word == _initials(name)]
    return matches[0] if matches else None


def _initials(name: str) -> str:
    return "".join(part[:1] for part in name.split("_"))


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Return the end of a message: `; did you mean X?`, or the list of valid names, or nothing."""
    names = sorted(set(valid))
    match = nearest(word, names)
    if match is not None:
        return f"; did you mean {match}?"
    return f"; valid: {', '.join(names)}" if names else ""
