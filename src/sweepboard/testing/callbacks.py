"""The conformance suite of the `Callback` contract."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from sweepboard.settings import CheckpointSettings, TrainerSettings
from sweepboard.testing.small_run import small_data, small_learner
from sweepboard.training import loop
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.checkpoint_file import packed, unpacked
from sweepboard.training.progress import Progress
from sweepboard.training.seeding import random_states
from sweepboard.training.signals import Interrupted, Pruned, StopFlag

STEPS, STOPPED, EPOCHS = 24, 14, 3
SETTINGS = TrainerSettings(epochs=EPOCHS, checkpoint=CheckpointSettings(every_epochs=None, every_steps=5))


class CallbackSuite(ABC):
    """Subclass it in a class whose name begins with `Test`, and implement `callback`."""

    only_reads: bool = True
    """Whether the callback leaves weights, gradients, modes and random numbers of the training alone."""

    @abstractmethod
    def callback(self, folder: Path) -> Callback:
        """Return a new callback for the run in `folder`, as each process that trains the run makes it."""

    def result(self, callback: Callback, folder: Path) -> Any:
        """Return the callback's result, which must be the same after a stop and a resume.

        By default it is its state and its public attributes, if they are tensors, numbers, strings or
        containers of them. A callback that writes files returns their content.
        """
        public = {name: value for name, value in vars(callback).items() if not name.startswith("_")}
        return [callback.state_dict(), {name: value for name, value in public.items() if _is_plain(value)}]

    def test_it_leaves_the_training_alone(self, tmp_path: Path) -> None:
        if self.only_reads:
            alone = _trace(train(tmp_path / "alone", {}))
            followed = _trace(train(tmp_path / "run", {"callback": self._new(tmp_path / "run")}))
            assert _equal(alone, followed), "weights, gradients, modes or random numbers are others with it"

    def test_it_takes_any_end(self, tmp_path: Path) -> None:
        ends = {
            "finished": None,
            "failed": ZeroDivisionError("a bug elsewhere"),
            "interrupted": Interrupted(signal.SIGTERM),
            "pruned": Pruned("other runs are better"),
        }
        for status, error in ends.items():
            for event in ("on_start", "on_update", "on_validation"):
                folder = tmp_path / status / event
                found = self._statuses(folder, event, error)
                assert found == [status], f"a run ended as {status} in {event}; finish: {', '.join(found)}"

    def test_it_finishes_without_a_start(self, tmp_path: Path) -> None:
        self._new(tmp_path / "run").finish("failed")

    def test_a_checkpoint_can_hold_its_state(self, tmp_path: Path) -> None:
        callback = self._new(tmp_path / "run")
        train(tmp_path / "run", {"callback": callback})
        state = callback.state_dict()
        assert _equal(unpacked(packed({"state": state}), tmp_path)["state"], state)

    def test_it_resumes_after_a_signal(self, tmp_path: Path) -> None:
        self._check_resume(tmp_path, Pruned("stop here"))

    def test_it_resumes_after_a_kill(self, tmp_path: Path) -> None:
        self._check_resume(tmp_path, _Killed())

    def train_and_kill(self, folder: Path, callbacks: Mapping[str, Callback]) -> None:
        """Train as a process does that is killed in the middle."""
        with suppress(_Killed):
            train(folder, {**callbacks, "kill": _Raising("on_update", _Killed(), STOPPED)})

    def _check_resume(self, folder: Path, error: BaseException) -> None:
        whole, stopped = folder / "whole", folder / "stopped"
        callback = self._new(whole)
        progress = train(whole, {"callback": callback})
        with suppress(type(error)):
            train(stopped, {"callback": self._new(stopped), "stop": _Raising("on_update", error, STOPPED)})
        resumed = self._new(stopped)
        again = train(stopped, {"callback": resumed}, resume=True)
        weights, resumed_weights = (weights_sha256(each.learner.model) for each in (progress, again))
        assert weights == resumed_weights, "the weights of a resumed run are others"
        expected, found = self.result(callback, whole), self.result(resumed, stopped)
        assert _equal(expected, found), f"resumed: {found}, without a stop: {expected}"

    def _new(self, folder: Path) -> Callback:
        folder.mkdir(parents=True, exist_ok=True)
        return self.callback(folder)

    def _statuses(self, folder: Path, event: str, error: BaseException | None) -> list[str]:
        """Return each status that `finish` was called with in a run that `error` ended in `event`."""
        statuses: list[str] = []
        callback = self._new(folder)
        finish = callback.finish

        def counted(status: str) -> None:
            statuses.append(status)
            try:
                finish(status)
            except Exception as error:  # which a run that ends with another error only logs
                statuses.append(f"raised {error!r}")

        callback.finish = counted  # type: ignore[method-assign]
        others = {} if error is None else {"other": _Raising(event, error, 0)}
        with suppress(ZeroDivisionError, Interrupted, Pruned):
            train(folder, {"callback": callback, **others})
        return statuses


class _Killed(BaseException):
    """A simulated end of the process, before the checkpoint of this moment is written."""


class _Raising(Callback):
    """Raise `error` in `event` from update `step` on."""

    def __init__(self, event: str, error: BaseException, step: int) -> None:
        def raise_error(progress: Progress) -> None:
            if progress.step >= step:
                raise error

        setattr(self, event, raise_error)


def train(folder: Path, callbacks: Mapping[str, Callback], resume: bool = False) -> Progress:
    """Train a small run in `folder`, with checkpoints, to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(folder / "checkpoints")
    learner, state = small_learner(), checkpoints.load() if resume else None
    with _one_thread(), _a_tick_after_every_update():
        return loop.fit(
            learner,
            small_data(),
            SETTINGS,
            logging_every_steps=4,
            callbacks=callbacks,
            checkpoints=checkpoints,
            stop=StopFlag(),
            resume=state,
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one CPU thread: it is faster for small tensors, and sums do not depend on the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _a_tick_after_every_update() -> Iterator[None]:
    seconds, loop.TICK = loop.TICK, 0.0
    try:
        yield
    finally:
        loop.TICK = seconds


def _trace(progress: Progress) -> Any:
    model = progress.learner.model
    gradients = [parameter.grad for parameter in model.parameters()]
    modes = [module.training for module in model.modules()]
    return [dict(model.state_dict()), gradients, modes, dict(progress.val_metrics), random_states()]


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, list | tuple | set):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, torch.Tensor | bool | int | float | str)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return type(one) is type(other) and bool(one == other)
