"""Real signals to this very process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweepboard.settings import TrainerSettings
from sweepboard.stop_signals import STOP_SIGNALS
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.loop import fit
from sweepboard.training.progress import Progress
from sweepboard.training.signals import Interrupted, Pruned, StopFlag
from tests.training.conftest import World


@pytest.fixture(autouse=True)
def _nothing_is_ignored() -> Iterator[None]:
    """Whoever started the tests may have had SIGHUP ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


class SignalAtEpochEnd(Callback):
    def __init__(self, signum: int) -> None:
        self.signum = signum

    def on_epoch_end(self, progress: Progress) -> None:
        os.kill(os.getpid(), self.signum)


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_a_signal_saves_and_leaves(world: World, tmp_path: Path, signum: int) -> None:
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    with StopFlag() as stop, pytest.raises(Interrupted) as caught:
        fit(
            world.learner(),
            world.data(),
            TrainerSettings(epochs=3),
            callbacks={"signal": SignalAtEpochEnd(signum)},
            checkpoints=Checkpoints(tmp_path),
            stop=stop,
        )
    assert caught.value.exit_code == 128 + signum
    assert str(caught.value) == f"interrupted by {signal.Signals(signum).name}"
    state = Checkpoints(tmp_path).load()
    assert state is not None
    assert (state.step, state.due, state.log_from) == (10, True, 10)
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def test_a_second_ctrl_c_leaves_at_once() -> None:
    def leave() -> None:
        with StopFlag() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.signum == signal.SIGINT
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("still here")

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_before_there_is_something_to_save_a_signal_ends_the_block_at_once(signum: int) -> None:
    """Also where other people's code would keep it from doing so."""
    before = [signal.getsignal(each) for each in STOP_SIGNALS]

    def build() -> None:
        with StopFlag(at_once=True):
            try:
                os.kill(os.getpid(), signum)
            except Exception:
                pytest.fail("held up")
            pytest.fail("still here")

    with pytest.raises(Interrupted) as caught:
        build()
    assert caught.value.signum == signum
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def test_other_threads_leave_the_handlers_alone() -> None:
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    seen = []

    def work() -> None:
        with StopFlag() as stop:
            seen.append((stop.signum, [signal.getsignal(each) for each in STOP_SIGNALS]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


class PruneAt(Callback):
    def __init__(self, event: str, epochs: float) -> None:
        setattr(self, event, self._prune)
        self.epochs = epochs

    def _prune(self, progress: Progress) -> None:
        if progress.epochs_done >= self.epochs:
            raise Pruned("others do better")


@pytest.mark.parametrize("event", ["on_validation", "on_tick"])
def test_a_pruned_run_is_saved_and_could_go_on(
    world: World, tmp_path: Path, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweepboard.training.loop.TICK", 0.0)
    settings, whole = TrainerSettings(epochs=3), world.journal()
    fit(world.learner(), world.data(), settings, callbacks={"journal": whole})
    before, checkpoints = world.journal(), Checkpoints(tmp_path)
    with pytest.raises(Pruned):
        fit(
            world.learner(), world.data(), settings,
            callbacks={"journal": before, "prune": PruneAt(event, 1.0)}, checkpoints=checkpoints,
        )  # fmt: skip
    state = checkpoints.load()
    assert state is not None
    assert state.step in (9, 10)  # at once, or with the next update
    journal = before.cut(state.log_from)
    fit(world.learner(), world.data(), settings, callbacks={"journal": journal}, resume=state)
    assert journal.repeatable() == whole.repeatable()


def test_at_the_end_there_is_nothing_to_prune(world: World) -> None:
    progress = fit(
        world.learner(),
        world.data(),
        TrainerSettings(epochs=2),
        callbacks={"prune": PruneAt("on_validation", 2.0)},
    )
    assert progress.test_metrics


def test_below_nohup_a_closed_terminal_is_not_heard() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopFlag() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
    assert not stop.is_set
