"""Execute a training function of the user's own as the work of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from sweepboard.board.foreign_events import drop_hparams, read_foreign, truncate_foreign
from sweepboard.errors import NotSaved
from sweepboard.programs.measured import Measured
from sweepboard.programs.run import Run
from sweepboard.settings import LoggingSettings
from sweepboard.startup import set_threads
from sweepboard.training.callback import Callback
from sweepboard.training.callback_list import CallbackList
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.distributed import ALONE, Ranks
from sweepboard.training.loop_state import LoopState
from sweepboard.training.seeding import seed_everything
from sweepboard.training.signals import StopFlag

_LOGGING = replace(
    LoggingSettings(), layout=False, images=0, graph=False, confusion_matrix=False, pr_curves=False
)
"""What the board of such a run shows beside what it logs itself: its hyperparameters and its texts."""


@dataclass(frozen=True)
class ProgramWork:
    """A training function and what it is called with."""

    call: Callable[[Run], object]
    folder: Path
    seed: int
    threads: int
    primary_metric: str | None = None
    mode: str | None = None

    fingerprint = content = ""
    logging = _LOGGING
    pages: ClassVar[Mapping[str, str]] = {}  # only the function knows its model and its data

    def check(self, state: LoopState) -> None:
        """Accept any state: only the function knows what it saved."""

    def run(
        self,
        callbacks: Mapping[str, Callback],
        checkpoints: Checkpoints,
        stop: StopFlag,
        resume: LoopState | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Call the function, and raise `Interrupted` or `Pruned` if it returned because of that."""
        del ranks  # of a function only itself knows them
        listeners = CallbackList(callbacks, stop)
        with listeners.finishing():
            measured = Measured(self.primary_metric, self.mode)
            if resume is not None:
                measured.load_state_dict(resume.monitor)
            run = Run(self.folder, measured, listeners, checkpoints, stop, resume)
            checkpoints.clean()
            truncate_foreign(self.folder, run.progress.log_from)
            listeners.on_start(run.progress)
            set_threads(self.threads)
            seed_everything(self.seed)
            try:
                with run.writers.followed():
                    run.take_result(self.call(run))
            finally:
                trouble = checkpoints.wait()
            drop_hparams(self.folder)
            run.take_in(read_foreign(self.folder))
            listeners.on_checkpoint(run.progress)  # into the record, whether it is the end or not
            run.ended()
            listeners.on_end(run.progress)
            if trouble is not None:
                raise NotSaved(checkpoints.run_folder, trouble)
