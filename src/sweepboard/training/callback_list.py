"""All callbacks of a run behind one interface."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from torch import Tensor

from sweepboard.errors import ConfigError, reason
from sweepboard.training.callback import Callback
from sweepboard.training.ending import status_of
from sweepboard.training.logger import Logger
from sweepboard.training.progress import Progress
from sweepboard.training.seeding import random_states_kept
from sweepboard.training.signals import Pruned, StopFlag

log = logging.getLogger("sweepboard")

P = ParamSpec("P")
T = TypeVar("T")

_EVENTS = [name for name in vars(Callback) if name.startswith("on_")]


class CallbackList:
    """Forwards each event to every callback, in order. `Pruned` raised by one is stored in `stop`.

    `per_update` and `per_gradients` hold the callbacks that override `on_update` and `on_gradients`, `caller`
    is the name of the callback whose event is happening. Raise `ConfigError` for an object that is not a
    `Callback`.
    """

    def __init__(self, callbacks: Mapping[str, Callback], stop: StopFlag) -> None:
        check_callbacks(callbacks)
        self._all = dict(callbacks)
        self._active = dict(callbacks)
        self._stop = stop
        self.caller = ""
        self._find_overriding()

    def on_start(self, progress: Progress) -> None:
        with random_states_kept():
            self._each(lambda callback: callback.on_start(progress))

    def on_gradients(self, progress: Progress, optimizer: str) -> None:
        for name, callback in self.per_gradients:
            self._call(name, callback.on_gradients, progress, optimizer)

    def on_update(self, progress: Progress) -> None:
        for name, callback in self.per_update:
            self._call(name, callback.on_update, progress)

    def on_tick(self, progress: Progress) -> None:
        self._each(lambda callback: callback.on_tick(progress))

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._each(lambda callback: callback.on_scalars(step, scalars))

    def on_epoch_end(self, progress: Progress) -> None:
        with random_states_kept():
            self._each(lambda callback: callback.on_epoch_end(progress))

    def on_validation(self, progress: Progress) -> None:
        with random_states_kept():
            self._each(lambda callback: callback.on_validation(progress))

    def on_checkpoint(self, progress: Progress) -> None:
        with random_states_kept():
            self._each(lambda callback: callback.on_checkpoint(progress))

    def on_end(self, progress: Progress) -> None:
        with random_states_kept():
            self._each(lambda callback: callback.on_end(progress))

    def on_log(self, step: int, kind: str, tag: str, content: Mapping[str, Any]) -> None:
        """Give what a callback logged to every logger; `kind` is the name of the method that takes it."""
        for name, callback in [*self._active.items()]:
            if isinstance(callback, Logger):
                self._call(name, getattr(callback, kind), step, tag, **content)

    def make_durable(self) -> None:
        for name, callback in [*self._active.items()]:  # in another thread, while events happen in this one
            self._guarded(name, callback.make_durable)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Call `finish` on every callback after the block, also after an error, with the final status.

        The first error is raised; the errors of later `finish` calls are logged.
        """
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
        for name, callback in reversed(self._all.items()):
            error = self._finish(name, callback, error)
        if error is not None:
            raise error

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """Return the state of each callback that has one, by its name."""
        states = {name: self._call(name, callback.state_dict) for name, callback in [*self._active.items()]}
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Load the state of each callback; warn of a missing state and of a state without a callback."""
        with random_states_kept():
            for name, callback in [*self._active.items()]:
                if name in states:
                    self._call(name, callback.load_state_dict, states[name])
                elif self._call(name, callback.state_dict):
                    log.warning("%s starts anew: the checkpoint holds no state of it", name)
        for name in sorted(states.keys() - self._all.keys()):
            log.warning("%s is in the checkpoint but not in this run: its state is dropped", name)

    def evaluation_weights(self) -> tuple[str, Mapping[str, Tensor]]:
        """Return the callback that gives the weights to evaluate, and these weights; empty if none does."""
        for name, callback in [*self._active.items()]:
            if weights := self._call(name, callback.evaluation_weights):
                return name, weights
        return "", {}

    def _each(self, event: Callable[[Callback], None]) -> None:
        for name, callback in [*self._active.items()]:
            self._call(name, event, callback)

    def _call(self, name: str, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        caller, self.caller = self.caller, name
        try:
            return self._guarded(name, method, *args, **kwargs)
        finally:
            self.caller = caller

    def _guarded(self, name: str, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return method(*args, **kwargs)
        except Pruned as pruned:
            self._stop.pruned = pruned
        except Exception as error:
            if not self._all[name].may_fail:
                raise
            self._leave_out(name, error)
        return None

    def _leave_out(self, name: str, error: Exception) -> None:
        if self._active.pop(name, None) is not None:
            log.warning("the run goes on without %s: %s", name, reason(error))
        self._find_overriding()

    def _finish(self, name: str, callback: Callback, error: BaseException | None) -> BaseException | None:
        """Call `finish` on one callback and return the error that the run ends with."""
        try:
            self._call(name, callback.finish, status_of(error))
        except BaseException as raised:
            if error is None:
                return raised
            log.error("%s: an error while the run ended", name, exc_info=raised)
        return error

    def _find_overriding(self) -> None:
        self.per_update = _overriding(self._active, "on_update")
        self.per_gradients = _overriding(self._active, "on_gradients")


def _overriding(callbacks: Mapping[str, Callback], method: str) -> tuple[tuple[str, Callback], ...]:
    base = getattr(Callback, method)
    own = {name: getattr(getattr(callback, method), "__func__", None) for name, callback in callbacks.items()}
    return tuple((name, callback) for name, callback in callbacks.items() if own[name] is not base)


def check_callbacks(callbacks: Mapping[str, Callback]) -> None:
    """Raise `ConfigError` for an object that is no callback, and for two that give weights to evaluate.

    Also for a method that has the name of an event that there is not: it would never be called.
    """
    for name, callback in callbacks.items():
        _check_class(name, callback)
    giving = [name for name, _ in _overriding(callbacks, "evaluation_weights")]
    if len(giving) > 1:
        raise ConfigError(
            f"{giving[1]}: {giving[0]} gives the weights to evaluate already; type ~{giving[1]}"
        )


def _check_class(name: str, callback: object) -> None:
    if not isinstance(callback, Callback):
        raise ConfigError(
            f"{name}: {type(callback).__name__} is not a callback: derive its class from sweepboard.Callback"
        )
    unknown = [each for each in dir(type(callback)) if each.startswith("on_") and each not in _EVENTS]
    if unknown:
        raise ConfigError(
            f"{name}: {type(callback).__name__}.{unknown[0]} is no event of a run; they are "
            f"{', '.join(_EVENTS)}"
        )
