"""What every callback may rely on."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from sweepboard.errors import ConfigError, NotSaved
from sweepboard.settings import CheckpointSettings, TrainerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.loop import fit
from sweepboard.training.progress import Progress
from sweepboard.training.signals import Interrupted, Pruned, StopFlag
from tests.training.conftest import World

SETTINGS = TrainerSettings(steps=20, checkpoint=CheckpointSettings(every_steps=4))


class Ending(Callback):
    """Remembers each call of `finish`, among `calls` of all of its kind."""

    def __init__(self, name: str = "", calls: list[tuple[str, str]] | None = None) -> None:
        self.name, self.calls = name, calls if calls is not None else []

    def finish(self, status: str) -> None:
        self.calls.append((self.name, status))


class Raising(Callback):
    """Raises `error` in `event`."""

    def __init__(self, event: str, error: BaseException) -> None:
        def raise_error(*arguments: Any) -> None:
            raise error

        setattr(self, event, raise_error)


class Looking(Callback):
    """Notes the mode of the model, and spoils it as one does who forgets to restore it."""

    def __init__(self) -> None:
        self.modes: list[bool] = []

    def on_validation(self, progress: Progress) -> None:
        self.modes.append(progress.learner.model.training)
        progress.learner.model.eval()

    on_end = on_validation


def test_a_validated_model_is_in_evaluation_mode_and_trains_on(world: World) -> None:
    looking, learner = Looking(), world.learner()
    fit(learner, world.data(), SETTINGS, callbacks={"looking": looking})
    assert len(looking.modes) > 1
    assert not any(looking.modes)
    assert learner.model.training


EVENTS = [
    "on_start", "on_update", "on_scalars", "on_epoch_end", "on_validation", "on_checkpoint", "on_end",
    "state_dict",
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
def test_a_bug_in_any_event_fails_the_run_and_all_callbacks_finish(
    world: World, tmp_path: Path, event: str
) -> None:
    first, last = Ending(), Ending()
    callbacks = {"first": first, "bug": Raising(event, ZeroDivisionError("a bug")), "last": last}
    with pytest.raises(ZeroDivisionError):
        fit(world.learner(), world.data(), SETTINGS, callbacks=callbacks, checkpoints=Checkpoints(tmp_path))
    assert first.calls == last.calls == [("", "failed")]
    state = Checkpoints(tmp_path).load()
    assert event == "on_end" if state and state.step == 20 else True
    if state:  # what was saved until then is whole
        fit(world.learner(), world.data(), SETTINGS, resume=state)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "finished"),
        (Interrupted(signal.SIGTERM), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(3), "failed"),
        (Pruned("others do better"), "pruned"),
    ],
)
def test_finish_says_how_the_run_ended(world: World, error: BaseException | None, status: str) -> None:
    ending = Ending()
    callbacks = {"error": Raising("on_validation", error) if error else Callback(), "ending": ending}
    with suppress(BaseException):
        fit(world.learner(), world.data(), SETTINGS, callbacks=callbacks)
    assert ending.calls == [("", status)]


def test_the_first_callback_is_the_last_to_finish(world: World) -> None:
    calls: list[tuple[str, str]] = []
    fit(world.learner(), world.data(), SETTINGS, callbacks={name: Ending(name, calls) for name in "abc"})
    assert [name for name, _ in calls] == ["c", "b", "a"]


def test_an_error_in_finish_fails_the_run_and_the_others_still_finish(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Ending(), Ending()
    bug, other = Raising("finish", ZeroDivisionError("a bug")), Raising("finish", KeyError("another"))
    callbacks = {"first": first, "other": other, "second": second, "bug": bug}
    with pytest.raises(ZeroDivisionError):
        fit(world.learner(), world.data(), SETTINGS, callbacks=callbacks)
    assert first.calls == second.calls == [("", "failed")]
    (record,) = caplog.records
    assert record.getMessage() == "other: an error while the run ended"
    assert record.exc_info


def test_an_end_that_is_not_saved_is_a_failed_run(world: World, tmp_path: Path) -> None:
    class Disturbing(Callback):
        def on_end(self, progress: Progress) -> None:
            checkpoints.wait()
            checkpoints._trouble = "No space left on device"

    ending, checkpoints = Ending(), Checkpoints(tmp_path / "checkpoints")
    callbacks = {"ending": ending, "disturbing": Disturbing()}
    with pytest.raises(NotSaved, match=f"could not be saved in {tmp_path}: No space left"):
        fit(world.learner(), world.data(), SETTINGS, callbacks=callbacks, checkpoints=checkpoints)
    assert ending.calls == [("", "failed")]


def test_progress_is_read_only(world: World) -> None:
    progress = fit(world.learner(), world.data(), SETTINGS)
    for name in ("val_metrics", "best", "seconds", "log_from", "step", "learner"):
        with pytest.raises(AttributeError):
            setattr(progress, name, None)
    with pytest.raises(TypeError):
        progress.val_metrics["loss"] = 0.0  # type: ignore[index]


class Average(Callback):
    """The mean of the first weight over all updates: a callback with a state."""

    def __init__(self) -> None:
        self.sum, self.count = torch.zeros(()), 0

    def on_update(self, progress: Progress) -> None:
        parameter = next(progress.learner.model.parameters())
        assert parameter.grad is not None
        self.sum = self.sum + parameter.detach().sum()
        self.count += 1

    def state_dict(self) -> dict[str, Any]:
        return {"sum": self.sum, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sum, self.count = state["sum"], state["count"]


class StopAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_update(self, progress: Progress) -> None:
        if progress.step == self.step:
            raise Pruned("far enough")


def stopped(world: World, folder: Path, callbacks: dict[str, Callback]) -> Any:
    """The checkpoint of a run that a callback stopped after 7 updates."""
    with pytest.raises(Pruned):
        fit(
            world.learner(),
            world.data(),
            SETTINGS,
            callbacks={**callbacks, "stop": StopAt(7)},
            checkpoints=Checkpoints(folder),
        )
    state = Checkpoints(folder).load()
    assert state is not None
    assert state.step == 7
    return state


def test_a_state_survives_a_resume(world: World, tmp_path: Path) -> None:
    whole, before, after = Average(), Average(), Average()
    fit(world.learner(), world.data(), SETTINGS, callbacks={"average": whole})
    state = stopped(world, tmp_path, {"average": before})
    fit(world.learner(), world.data(), SETTINGS, callbacks={"average": after}, resume=state)
    assert (after.count, float(after.sum)) == (whole.count, float(whole.sum)) == (20, float(whole.sum))


def test_a_callback_added_or_removed_is_one_line(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state, new = stopped(world, tmp_path, {"old": Average()}), Average()
    fit(world.learner(), world.data(), SETTINGS, callbacks={"new": new, "plain": Ending()}, resume=state)
    assert caplog.messages == [
        "new starts anew: the checkpoint holds no state of it",
        "old is in the checkpoint but not in this run: its state is dropped",
    ]
    assert new.count == 13


def test_the_random_states_are_kept_around_a_state_that_is_loaded(world: World, tmp_path: Path) -> None:
    class Drawing(Average):
        def load_state_dict(self, state: dict[str, Any]) -> None:
            torch.rand(3)

    stopped(world, tmp_path, {"average": Average()})
    digests = set()
    for average in (Average(), Drawing()):
        state, learner = Checkpoints(tmp_path).load(), world.learner()
        fit(learner, world.data(), SETTINGS, resume=state, callbacks={"average": average})
        digests.add(weights_sha256(learner.model))
    assert len(digests) == 1


def test_updates_are_told_only_to_those_that_ask(world: World) -> None:
    from sweepboard.training.callback_list import CallbackList

    average, plain, assigned = Average(), Ending(), Callback()
    assigned.on_update = average.on_update  # type: ignore[method-assign]
    callbacks = CallbackList({"a": average, "b": plain, "c": assigned}, StopFlag())
    assert [name for name, _ in callbacks.per_update] == ["a", "c"]


def test_a_callback_that_may_fail_costs_one_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Plot(Average):
        may_fail = True

        def on_update(self, progress: Progress) -> None:
            super().on_update(progress)
            raise RuntimeError("no display")

    plot = Plot()
    assert fit(world.learner(), world.data(), SETTINGS, callbacks={"plot": plot}).finished
    assert plot.count == 1
    assert caplog.messages == ["the run goes on without plot: no display"]


def test_a_class_that_is_no_callback_is_refused(world: World) -> None:
    class Mine:
        pass

    with pytest.raises(ConfigError, match=r"callbacks\.mine: Mine is not a callback"):
        fit(world.learner(), world.data(), SETTINGS, callbacks={"callbacks.mine": Mine()})  # type: ignore[dict-item]


@pytest.mark.parametrize("method", ["on_step", "on_train_batch_end", "on_validations"])
def test_a_method_for_an_event_that_there_is_not_is_refused(world: World, method: str) -> None:
    mine = type("Mine", (Callback,), {method: lambda self, progress: None})()
    told = rf"callbacks\.mine: Mine\.{method} is no event of a run; they are on_start, .*on_update, .*on_end$"
    with pytest.raises(ConfigError, match=told):
        fit(world.learner(), world.data(), SETTINGS, callbacks={"callbacks.mine": mine})
