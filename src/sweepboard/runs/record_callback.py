"""Keeps run.json true: while the run goes on, and after any end."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from sweepboard.errors import RunFailed, UserError
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import FAILED, FINISHED, INTERRUPTED, PRUNED, RunRecord
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import weights_sha256
from sweepboard.training.loop import Progress
from sweepboard.training.signals import Interrupted, Pruned

log = logging.getLogger(__name__)


class NotSaved(RunFailed):
    """A run that was trained to its end, which did not reach the disk: it is full, or the folder is gone."""

    def __init__(self, folder: RunFolder, reason: str) -> None:
        if folder.path.is_dir():
            super().__init__(
                f"the end of the run could not be saved in {folder}: {reason}; "
                f"`sweepboard resume {folder}` makes up for it once that is mended"
            )
        else:
            super().__init__(f"the folder {folder} is gone: nothing of the run is saved")


class RecordKeeper(Callback):
    """Writes the record at validations and checkpoints, and with the way the block ended.

    A folder that can no longer be written never stops training, since it may become so again: it is told
    once. Only an end that cannot be written is an error, `NotSaved`.
    """

    def __init__(self, record: RunRecord, folder: RunFolder) -> None:
        self.record, self.folder = record, folder
        self._warned = False
        self._written = 0.0

    def __enter__(self) -> RecordKeeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.record.end(*ending(error))
        if self.record.status == FAILED:
            expected = isinstance(error, UserError)
            log.error("failed: %s", self.record.reason, exc_info=None if expected else error)
        trouble = self._write()
        if trouble is not None and error is None:
            raise NotSaved(self.folder, trouble)

    def on_start(self, progress: Progress) -> None:
        self.record.total_steps = progress.total_steps
        self.record.primary_metric = progress.learner.task.primary_metric
        self.record.data_fingerprint = self.record.data_fingerprint or progress.data.fingerprint
        self.record.data_content = self.record.data_content or progress.data.content
        self._enter(progress)

    def on_validation(self, progress: Progress) -> None:
        self._enter(progress)

    def on_checkpoint(self, progress: Progress) -> None:
        """Not at each of many a second: the file costs more than to copy a small model."""
        self._enter(progress, write=time.monotonic() > self._written + 1.0)

    def on_end(self, progress: Progress) -> None:
        self.record.weights_sha256 = weights_sha256(progress.learner.model)
        self._enter(progress)

    def _enter(self, progress: Progress, write: bool = True) -> None:
        record = self.record
        record.step, record.epoch, record.seconds = progress.step, progress.epochs_done, progress.seconds
        record.metrics = {f"val/{name}": value for name, value in progress.val_metrics.items()}
        record.metrics |= {f"test/{name}": value for name, value in progress.test_metrics.items()}
        record.best, record.best_steps = dict(progress.best), dict(progress.best_steps)
        record.modes = {name: progress.learner.task.mode(name) for name in progress.best}
        if write:
            self._write()

    def _write(self) -> str | None:
        """Returns why it could not be written, if so."""
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
    """Status and reason of a run that ended with `error`."""
    if error is None:
        return FINISHED, None
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return INTERRUPTED, str(error) or "stopped by Ctrl-C"
    if isinstance(error, Pruned):
        return PRUNED, str(error)
    if isinstance(error, SystemExit):
        return FAILED, f"the code called sys.exit({error.code!r})"
    if isinstance(error, UserError):
        return FAILED, str(error)
    lines = str(error).strip().splitlines()
    return FAILED, f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
