"""What callbacks log: once at every step, for every logger, through stops and kills, under own tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from sweepboard.metric_names import SPEED
from sweepboard.settings import CheckpointSettings, TrainerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.logger import Logger
from sweepboard.training.loop import fit
from sweepboard.training.media import NotLoggable, drawn, frames_of, pixels_of, samples_of
from sweepboard.training.progress import Progress
from sweepboard.training.run_log import TagTaken
from sweepboard.training.signals import Pruned, StopFlag
from sweepboard.training.tasks import Classification
from tests.training.conftest import World

SETTINGS = TrainerSettings(steps=20, val_every_steps=6, checkpoint=CheckpointSettings(every_steps=4))


class Paper(Logger):
    """Keeps everything; a resumed run replaces what was logged after its checkpoint."""

    def __init__(self, rows: list[tuple[int, str, Any]] | None = None) -> None:
        self.rows = [] if rows is None else rows
        self.kept = 0

    def start(self, progress: Progress) -> None:
        del self.rows[self.kept :]

    def state_dict(self) -> dict[str, Any]:
        return {"kept": len(self.rows)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.kept = state["kept"]

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self.rows += [(step, tag, value) for tag, value in scalars.items() if tag != SPEED]

    def text(self, step: int, tag: str, markdown: str) -> None:
        self.rows.append((step, tag, markdown))

    def image(self, step: int, tag: str, pixels: Tensor) -> None:
        self.rows.append((step, tag, pixels.tolist()))


class Talker(Callback):
    """Logs in every event."""

    def on_start(self, progress: Progress) -> None:
        progress.log.text("talker/start", f"at {progress.step}") if progress.step == 0 else None

    def on_update(self, progress: Progress) -> None:
        progress.log.scalars({"talker/step": progress.step, "talker/twice": 1.0})
        progress.log.image("talker/dot", torch.full((1, 1), progress.step / 100))

    def on_epoch_end(self, progress: Progress) -> None:
        progress.log.scalars({"talker/epoch": progress.epoch})

    def on_validation(self, progress: Progress) -> None:
        progress.log.scalars({"talker/val": progress.val_metrics["loss"], "talker/twice": 2.0})

    def on_checkpoint(self, progress: Progress) -> None:
        progress.log.scalars({"talker/checkpoint": 1.0})

    def on_end(self, progress: Progress) -> None:
        progress.log.text("talker/end", "the end")


class Killed(BaseException):
    pass


class At(Callback):
    """Does something in `event` at one step."""

    def __init__(self, event: str, step: int, do: Callable[[Progress], object]) -> None:
        def act(progress: Progress) -> None:
            if progress.step == step:
                do(progress)

        setattr(self, event, act)


def raising(error: BaseException) -> Callable[[Progress], object]:
    def do(progress: Progress) -> None:
        raise error

    return do


def test_every_tag_is_logged_once_at_every_step_in_each_logger(world: World) -> None:
    papers = [Paper(), Paper()]
    callbacks = {"talker": Talker(), "one": papers[0], "two": papers[1]}
    progress = fit(world.learner(), world.data(), SETTINGS, callbacks=callbacks)
    rows = papers[0].rows
    assert rows == papers[1].rows
    assert len({(step, tag) for step, tag, _ in rows}) == len(rows)
    steps = [step for step, tag, _ in rows if tag == "talker/step"]
    assert steps == list(range(1, 21))
    assert [step for step, tag, _ in rows if tag == "talker/val"] == [6, 9, 12, 18, 20]
    assert (0, "talker/start", "at 0") in rows
    assert (20, "talker/end", "the end") in rows
    assert progress.callback_tags["talker/dot"] == "talker"


@pytest.mark.parametrize("error", [Pruned("stop"), Killed()], ids=["stopped", "killed"])
@pytest.mark.parametrize(
    ("event", "step"),
    [("on_update", 4), ("on_update", 11), ("on_epoch_end", 9), ("on_validation", 6), ("on_checkpoint", 8),
     ("on_end", 20)],
)  # fmt: skip
def test_a_resumed_run_logs_what_one_that_was_never_stopped_logs(
    world: World, tmp_path: Path, event: str, step: int, error: BaseException
) -> None:
    whole = Paper()
    fit(world.learner(), world.data(), SETTINGS, callbacks={"talker": Talker(), "paper": whole},
        checkpoints=Checkpoints(tmp_path / "whole"))  # fmt: skip
    rows: list[tuple[int, str, Any]] = []
    for stop in (At(event, step, raising(error)), Callback()):
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        callbacks = {"paper": Paper(rows), "talker": Talker(), "stop": stop}
        try:
            fit(world.learner(), world.data(), SETTINGS, callbacks=callbacks, checkpoints=checkpoints,
                stop=StopFlag(), resume=checkpoints.load())  # fmt: skip
        except (Pruned, Killed):
            continue
    assert logged(rows) == logged(whole.rows)


def logged(rows: list[tuple[int, str, Any]]) -> list[tuple[int, str, Any]]:
    """All but what a stop adds: a checkpoint at its own step."""
    return sorted((row for row in rows if row[1] != "talker/checkpoint"), key=str)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (lambda log: log.scalars({"val/loss": 1.0}),
         "callbacks.mine: val/loss is a tag of the run; log under another, such as mine/..."),
        (lambda log: log.scalars({"train/lr": 1.0}), "callbacks.mine: train/lr is a tag of the run"),
        (lambda log: log.text("talker/step", "a"), "callbacks.mine: talker/step is a tag of talker"),
    ],
)  # fmt: skip
def test_tags_of_others_are_refused(world: World, log: Callable[[Any], None], line: str) -> None:
    mine = At("on_epoch_end", 9, lambda progress: log(progress.log))
    with pytest.raises(TagTaken, match=line):
        fit(world.learner(), world.data(), SETTINGS, callbacks={"talker": Talker(), "callbacks.mine": mine})


def test_a_tag_that_the_run_logs_later_is_refused_then(world: World) -> None:
    mine = At("on_start", 0, lambda progress: progress.log.text("val/loss", "low"))
    with pytest.raises(TagTaken, match=r"callbacks\.mine: val/loss is a tag of the run"):
        fit(world.learner(), world.data(), SETTINGS, callbacks={"callbacks.mine": mine})


def test_a_value_of_the_task_under_a_tag_of_the_run_is_refused(world: World) -> None:
    class Rated(Classification):
        def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
            return {**super().metrics(sums), "lr": 1.0}

    with pytest.raises(TagTaken, match="task: train/lr is a tag of the run; give the value another name"):
        fit(world.learner(task=Rated()), world.data(), SETTINGS)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (lambda log: log.scalars({"mine": torch.ones(2)}), "only one element tensors can be converted"),
        (lambda log: log.scalars({"mine": None}), "not 'NoneType'"),
        (lambda log: log.image("mine", torch.ones(2, 5, 7)), "a picture has the shape"),
        (lambda log: log.figure("mine", "x"), "a figure is one of matplotlib, not str"),
        (lambda log: log.image("mine", "x"), "a tensor or an array of numbers is needed, not str"),
        (lambda log: log.text("mine", 3), "a text is a str, not int"),
        (lambda log: log.audio("mine", torch.ones(3, 9)), "a sound has the shape"),
        (lambda log: log.histogram("mine", ["x"]), ""),
        (lambda log: log.mesh("mine", torch.ones(4, 2)), "vertices, faces and colours have the shape"),
        (lambda log: log.video("mine", 3), "not iterable"),
    ],
)
def test_a_value_of_another_kind_is_told_with_its_callback_and_tag(
    world: World, log: Callable[[Any], None], line: str
) -> None:
    mine = At("on_update", 3, lambda progress: log(progress.log))
    with pytest.raises(NotLoggable, match=rf"callbacks\.mine: mine: .*{line}"):
        fit(world.learner(), world.data(), SETTINGS, callbacks={"callbacks.mine": mine})


def test_scalars_that_are_no_mapping_are_told(world: World) -> None:
    def wrong(progress: Any) -> None:
        progress.log.scalars("mine")

    callbacks = {"callbacks.mine": At("on_update", 3, wrong)}
    with pytest.raises(NotLoggable, match=r"callbacks\.mine: scalars: a mapping of tags and numbers is"):
        fit(world.learner(), world.data(), SETTINGS, callbacks=callbacks)


def test_a_tag_has_one_kind(world: World) -> None:
    def both(progress: Progress) -> None:
        progress.log.scalars({"mine": 1.0})
        progress.log.text("mine", "one")

    with pytest.raises(TagTaken, match="a: mine is the tag of a scalar, and cannot be that of a text too"):
        fit(world.learner(), world.data(), SETTINGS, callbacks={"a": At("on_update", 3, both)})


@pytest.mark.parametrize("event", ["on_start", "on_update", "on_epoch_end", "on_validation", "on_checkpoint"])
def test_a_callback_stops_the_run(world: World, tmp_path: Path, event: str) -> None:
    step = {"on_start": 0, "on_update": 7, "on_checkpoint": 8, "on_epoch_end": 9, "on_validation": 12}[event]
    journal, checkpoints = world.journal(), Checkpoints(tmp_path / "checkpoints")
    stop = At(event, step, lambda progress: progress.stop("far enough"))
    progress = fit(world.learner(), world.data(), SETTINGS, callbacks={"journal": journal, "stop": stop},
                   checkpoints=checkpoints)  # fmt: skip
    assert (progress.step, progress.stop_reason, progress.finished) == (step, "stop: far enough", True)
    assert [*journal.tags("test/loss")] == [step]
    assert step in journal.tags("val/loss") or step == 0
    assert journal.told.count(("end", step)) == 1
    state = checkpoints.load()
    assert state is not None
    again = world.journal()
    once_more = fit(world.learner(), world.data(), SETTINGS, callbacks={"j": again}, resume=state)
    assert (once_more.step, again.scalars) == (step, {})


def test_a_stopped_run_can_be_made_longer(world: World, tmp_path: Path) -> None:
    whole = fit(world.learner("none"), world.data(), TrainerSettings(steps=30))
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    stop = At("on_update", 7, lambda progress: progress.stop("far enough"))
    fit(world.learner("none"), world.data(), SETTINGS, callbacks={"s": stop}, checkpoints=checkpoints)
    longer = fit(world.learner("none"), world.data(), TrainerSettings(steps=30), resume=checkpoints.load(30))
    assert (longer.step, longer.stop_reason) == (30, None)
    assert weights_sha256(longer.learner.model) == weights_sha256(whole.learner.model)


def test_pictures_and_sounds_take_every_usual_form() -> None:
    grey = torch.arange(6).reshape(2, 3)
    assert pixels_of(grey.byte()).tolist() == grey[..., None].tolist()
    for picture in (
        torch.zeros(3, 8, 9),
        np.zeros((8, 9, 3)),
        Image.new("P", (9, 8)),
        Image.new("RGB", (9, 8)),
    ):
        assert pixels_of(picture).shape == (8, 9, 3)
    assert pixels_of(Image.new("L", (9, 8))).shape == (8, 9, 1)
    assert pixels_of(torch.tensor([[0.0, 0.5, 1.0, 7.0, float("nan")]])).flatten().tolist() == [
        0,
        128,
        255,
        255,
        0,
    ]
    assert frames_of(torch.zeros(5, 1, 8, 9)).shape == (5, 8, 9, 3)
    assert samples_of([0.0, 2.0]).tolist() == [[0.0, 1.0]]
    with pytest.raises(ValueError, match=r"a picture has the shape .*, not \(2, 5, 7\)"):
        pixels_of(torch.zeros(2, 5, 7))


def test_a_figure_is_drawn_and_one_of_pyplot_is_closed() -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()  # of the user's own code in this process
    figure = pyplot.figure(figsize=(1, 1), dpi=50)
    assert drawn(figure).shape == (50, 50, 3)
    assert pyplot.get_fignums() == before
