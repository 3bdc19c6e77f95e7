"""The mistakes a user can make, each told in one line.

A `UserError` is printed as `sweepboard: <message>` without a traceback. Its message names the key,
says what is wrong and what to type instead. Anything else that is raised is a bug and keeps its
traceback.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """A request that cannot be carried out as typed; nothing was started (exit code 2)."""

    exit_code = 2


class ConfigError(UserError):
    """A key, option or value of the configuration that is wrong."""


class NotHere(ConfigError):
    """A module or a folder of the user's that is not found from the working directory."""


class NotAllowed(UserError):
    """A target, or another value, of a foreign run, sweep or search that is refused."""


class RunFailed(UserError):
    """A run that was started and had to stop for a reason that has a plain explanation (exit code 1)."""

    exit_code = 1


class DamagedFile(RunFailed):
    """A file of data that cannot be decoded; the message names it."""


class NonFiniteLoss(RunFailed):
    """The training loss became NaN or infinite.

    `step` is the update in which it did (counted from 1), `lr` that update's learning rate.
    """

    def __init__(self, step: int, lr: float) -> None:
        super().__init__(
            f"loss became non-finite at step {step} with learning rate {lr:g}: "
            "try a smaller optimizer.lr, or trainer.grad_clip=1.0"
        )
        self.step, self.lr = step, lr


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
    """Whether the limit of open files made an operating system call fail."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


@contextmanager
def naming_open_files() -> Iterator[None]:
    """Raise `TooManyOpenFiles` where an operating system call fails for that reason."""
    try:
        yield
    except OSError as error:
        if not is_too_many_open_files(error):
            raise
        raise TooManyOpenFiles from error


def reason(error: BaseException) -> str:
    """What an error says, in one line without the name of its file; its type where it says nothing."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return " ".join(text.split())[:200] or type(error).__name__


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `word`, or None where none is near enough to suggest."""
    names = list(valid)
    matches = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if not matches:  # learning_rate for lr
        matches = [name for name in names if name == "".join(part[:1] for part in word.split("_"))]
    return matches[0] if matches else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """The end of a message: `; did you mean X?`, or the list of what is valid, or nothing."""
    names = sorted(set(valid))
    match = nearest(word, names)
    if match is not None:
        return f"; did you mean {match}?"
    return f"; valid: {', '.join(names)}" if names else ""
