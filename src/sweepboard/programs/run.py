"""The run as a training function sees it: its folder, its log, its checkpoints, and whether to stop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from torch import Tensor

from sweepboard.board.foreign_events import SummaryWriters
from sweepboard.metric_names import name_of
from sweepboard.programs.measured import Measured
from sweepboard.programs.state import checked_state
from sweepboard.training.callback_list import CallbackList
from sweepboard.training.checkpoint import Checkpoints, tensors_sha256
from sweepboard.training.loop_state import LoopState
from sweepboard.training.media import as_media, naming
from sweepboard.training.progress import Progress
from sweepboard.training.seeding import random_states, set_random_states
from sweepboard.training.signals import StopFlag


class Run:
    """What a training function gets as `run`."""

    folder: Path
    """The run's own folder, which is its TensorBoard log directory: `SummaryWriter(run.folder)` works too."""

    total_steps: int = 0
    """The length of the run in steps, if you set it: a sweep's table then shows the time that is left."""

    def __init__(
        self,
        folder: Path,
        measured: Measured,
        callbacks: CallbackList,
        checkpoints: Checkpoints,
        stop: StopFlag,
        resume: LoopState | None = None,
    ) -> None:
        self.folder = folder
        self._measured, self._callbacks, self._checkpoints, self._stop = (
            measured,
            callbacks,
            checkpoints,
            stop,
        )
        self._resume = resume
        self._began = time.perf_counter() - (resume.seconds if resume else 0.0)
        self._step = resume.step if resume else 0
        self._looks = self._told = False
        self._saved: str | None = None
        self.progress = cast(Progress, RunOfProgram(self))  # has what the callbacks of such a run read
        self.writers = SummaryWriters(folder)

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Log by tag: `run.log({"val/loss": loss, "val/samples": figure}, step)`.

        A value is a number, a tensor of one number, a text in markdown, or a picture of PIL or matplotlib.
        `step` counts the same in `log` and in `save`: a resumed run logs every later step again. Raise
        `NotLoggable` for another value.
        """
        media: dict[str, tuple[str, dict[str, Any]]] = {}
        scalars: dict[str, float] = {}
        for tag, value in values.items():
            with naming(f"run.log: {tag}"):
                if (found := as_media(value)) is not None:
                    media[tag] = found
                else:
                    scalars[tag] = _number(value)
        with self._undisturbed():
            for tag, (kind, content) in media.items():
                self._callbacks.on_log(step, kind, tag, content)
            self._log_scalars(scalars, step)

    def _log_scalars(self, values: Mapping[str, float], step: int) -> None:
        if values:
            self._step = max(self._step, step)
            for tag, value in values.items():
                self._measured.see(tag, value, step)
            self._callbacks.on_scalars(step, values)
        self._callbacks.on_tick(self.progress)
        if self._measured.primary_tag in values:
            self._callbacks.on_validation(self.progress)

    def save(self, state: Mapping[str, Any], step: int) -> None:
        """Save a checkpoint from which the run can go on: tensors, numbers, texts, and containers of them.

        Training goes on while it is written; the checkpoint before it is kept until then. The states of the
        global random generators are saved too. Raise TypeError for anything else in `state`.
        """
        plain = checked_state(state)
        with self._undisturbed():
            self._step = max(self._step, step)
            self._saved = tensors_sha256(dict(_flat(plain)))
            self._callbacks.on_checkpoint(self.progress)
            self._callbacks.state_dict()  # flushes the event files
            self.writers.flush()
            self._checkpoints.save(
                self._loop_state(plain, step).to_dict(), first=self._callbacks.make_durable
            )

    @property
    def resumed(self) -> dict[str, Any] | None:
        """The state that `save` saved last, to go on from; None in a new run.

        Reading it also sets the global random generators to where they stood then: read it last, after the
        model is built.
        """
        if self._resume is None:
            return None
        set_random_states(self._resume.random)
        return self._resume.learner

    @property
    def should_stop(self) -> bool:
        """Whether to save and return, because of Ctrl-C, SIGTERM, a time limit, or a search that prunes.

        A function that never looks is stopped at once, without a checkpoint of that moment.
        """
        self._looks, self._stop.at_once = True, False
        self._callbacks.on_tick(self.progress)
        self._told = self._stop.is_set
        return self._told

    def ended(self) -> None:
        """Raise `Interrupted` or `Pruned` if the function returned because it was told to stop."""
        if self._told or not self._looks:
            self._stop.check()

    def take_result(self, returned: object) -> None:
        """Log a number that the function returned, as `hydra.main` programs do for a sweeper.

        Its tag is that of the primary metric, unless the function logged that itself, or `objective`.
        """
        tag = self._measured.primary or "objective"
        is_number = isinstance(returned, int | float) and not isinstance(returned, bool)
        if is_number and tag not in self._measured.last:
            self.log({tag: returned}, self._step)

    def take_in(self, points: Sequence[tuple[int, str, float]]) -> None:
        """Take into the record what the function wrote into event files itself: steps, tags and values."""
        for step, tag, value in points:
            self._measured.see(tag, value, step)
            self._step = max(self._step, step)

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Let no signal interrupt the block; a function that does not look for it is stopped afterwards."""
        self._stop.at_once = False
        try:
            yield
        finally:
            self._stop.at_once = not self._looks
        if not self._looks:
            self._stop.check()

    def _loop_state(self, state: dict[str, Any], step: int) -> LoopState:
        return LoopState(
            step=step,
            total_steps=self.total_steps,
            log_from=step + 1,
            due=False,
            learner=state,
            data={},
            monitor=self._measured.state_dict(),
            train_metrics={},
            val_metrics={},
            test_metrics={},
            samples_per_second=0.0,
            seconds=time.perf_counter() - self._began,
            busy=0.0,
            callbacks={},
            random=random_states(),
        )


class RunOfProgram:
    """The progress of a run as its callbacks read it (`training.work.RunProgress`)."""

    fingerprint = content = ""
    epochs_done = total_epochs = 0.0
    stop_reason: str | None = None
    callback_tags: Mapping[str, str] = MappingProxyType({})

    def __init__(self, run: Run) -> None:
        self._run, self._measured = run, run._measured
        self.log_from = run._resume.log_from if run._resume else 0

    @property
    def step(self) -> int:
        return self._run._step

    @property
    def total_steps(self) -> int:
        return self._run.total_steps

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._run._began

    @property
    def seconds_left(self) -> float:
        left = self.total_steps - self.step
        return self.seconds / self.step * left if self.step and left > 0 else float("inf")

    @property
    def metrics(self) -> dict[str, float]:
        return self._measured.results

    @property
    def best(self) -> dict[str, float]:
        return {name: watch.best for name, watch in self._measured.best.items() if watch.best is not None}

    @property
    def best_steps(self) -> dict[str, int]:
        return {name: watch.at for name, watch in self._measured.best.items() if watch.at is not None}

    @property
    def best_step(self) -> int | None:
        """None: the function saves its weights itself."""
        return None

    @property
    def primary_metric(self) -> str | None:
        tag = self._measured.primary_tag
        return None if tag is None else name_of(tag)

    @property
    def modes(self) -> dict[str, str]:
        return {name: watch.mode for name, watch in self._measured.best.items()}

    def weights_sha256(self) -> str | None:
        """Return the digest of the tensors that were saved last; None if none were."""
        resume = self._run._resume
        if self._run._saved is None and resume is not None:
            return tensors_sha256(dict(_flat(resume.learner)))
        return self._run._saved


def _number(value: Any) -> float:
    return float(value.detach() if isinstance(value, Tensor) else value)


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested containers with their places."""
    items: Any = value.items() if isinstance(value, Mapping) else enumerate(value)
    for name, child in items:
        if isinstance(child, Mapping | list | tuple):
            yield from _flat(child, f"{key}.{name}")
        else:
            yield f"{key}.{name}", child
