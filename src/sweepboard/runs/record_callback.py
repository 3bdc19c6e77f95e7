"""Keeps run.json up to date during a run and after any end."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from sweepboard.errors import NotSaved, UserError
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord
from sweepboard.training.callback import Callback
from sweepboard.training.ending import FAILED, status_of
from sweepboard.training.work import RunProgress

log = logging.getLogger(__name__)


class RecordCallback(Callback):
    """Writes the record at validations and checkpoints; as a context manager, also after any end.

    If it cannot be written, there is one warning and training goes on, since a full disk may have room later.
    Only an end that cannot be written raises `NotSaved`. `every` is the number of seconds between two writes
    at validations: a training function may log its primary metric at every step.
    """

    def __init__(self, record: RunRecord, folder: RunFolder, every: float = 0.0) -> None:
        self.record, self.folder, self.every = record, folder, every
        self._warned = False
        self._written = 0.0

    def __enter__(self) -> RecordCallback:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.record.end(*ending(error))
        self._look_for_checkpoint()
        if self.record.status == FAILED:
            expected = isinstance(error, UserError)
            log.error("failed: %s", self.record.reason, exc_info=None if expected else error)
        trouble = self._write()
        if trouble is not None and error is None:
            raise NotSaved(self.folder.path, trouble)

    def fail(self, reason: str) -> None:
        """Write that the run has failed, in a process that will not leave the block."""
        log.error("failed: %s", reason)
        self.record.end(FAILED, reason)
        self._write()

    def on_start(self, progress: RunProgress) -> None:
        self.record.data_fingerprint = self.record.data_fingerprint or progress.fingerprint
        self.record.data_content = self.record.data_content or progress.content
        self._enter(progress)

    def on_validation(self, progress: RunProgress) -> None:
        self._enter(progress, write=time.monotonic() >= self._written + self.every)

    def on_checkpoint(self, progress: RunProgress) -> None:
        """Write the record at most once a second: that costs more than to copy a small model."""
        self.record.checkpoint_step = progress.step
        self._enter(progress, write=time.monotonic() > self._written + 1.0)

    def on_end(self, progress: RunProgress) -> None:
        self.record.weights_sha256 = progress.weights_sha256()
        self._enter(progress)

    def _enter(self, progress: RunProgress, write: bool = True) -> None:
        record = self.record
        record.step, record.epoch, record.seconds = progress.step, progress.epochs_done, progress.seconds
        record.total_steps = progress.total_steps
        self._look_for_checkpoint()
        record.stopped, record.callback_tags = progress.stop_reason, dict(progress.callback_tags)
        record.metrics = dict(progress.metrics)
        record.primary_metric = progress.primary_metric
        record.best, record.best_steps = dict(progress.best), dict(progress.best_steps)
        record.best_step = progress.best_step
        record.modes = dict(progress.modes)
        if write:
            self._write()

    def _look_for_checkpoint(self) -> None:
        self.record.checkpointed = self.record.checkpointed or self.folder.last_checkpoint.exists()

    def _write(self) -> str | None:
        """Write the record; return why it could not be written, or None."""
        self._written = time.monotonic()
        try:
            self.record.write(self.folder)
        except OSError as error:
            reason = error.strerror or str(error)
            if not self._warned:
                self._warned = True
                log.warning("%s cannot be written (%s); training goes on", self.folder.record, reason)
            return reason
        return None


def ending(error: BaseException | None) -> tuple[str, str | None]:
    """Return the final status and reason of a run that ended with `error`; None is no error."""
    return status_of(error), None if error is None else _reason(error)


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "stopped by Ctrl-C"
    if isinstance(error, SystemExit):
        return f"the code called sys.exit({error.code!r})"
    if isinstance(error, UserError):
        return str(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
