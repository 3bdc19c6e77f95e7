"""The gradients before an optimizer steps, and weights that it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sweepboard.callbacks import Freeze, GradientNorm
from sweepboard.errors import ConfigError
from sweepboard.settings import TrainerSettings
from sweepboard.testing import CallbackSuite
from sweepboard.training.callback import Callback
from sweepboard.training.loop import fit
from sweepboard.training.progress import Progress
from tests.training.conftest import World, fake_data, fake_learner

SETTINGS = TrainerSettings(steps=20)


class TestGradientNorm(CallbackSuite):
    def callback(self, folder: Path) -> Callback:
        return GradientNorm(3)


class TestFreeze(CallbackSuite):
    only_reads = False

    def callback(self, folder: Path) -> Callback:
        return Freeze(["0.*"], until_epoch=2)


class Doubling(Callback):
    """Doubles all gradients."""

    def on_gradients(self, progress: Progress, optimizer: str) -> None:
        assert optimizer == "optimizer"
        for weight in progress.learner.parameters_of(optimizer):
            assert weight.grad is not None
            weight.grad *= 2


def test_gradients_can_be_changed_before_the_update() -> None:
    ordinary = fit(fake_learner("none", lr=0.02), fake_data(), SETTINGS)
    doubled = fit(fake_learner("none", lr=0.01), fake_data(), SETTINGS, callbacks={"d": Doubling()})
    models = ordinary.learner.model, doubled.learner.model
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def norm(progress: Progress) -> float:
    gradients = (weight.grad for weight in progress.learner.model.parameters())
    return float(torch.nn.utils.get_total_norm([each for each in gradients if each is not None]))


def test_they_come_before_clipping(world: World) -> None:
    seen: list[float] = []

    class Norms(Callback):
        def on_gradients(self, progress: Progress, optimizer: str) -> None:
            seen.append(norm(progress))

        def on_update(self, progress: Progress) -> None:
            assert norm(progress) == pytest.approx(min(seen[-1], 0.1), rel=1e-3)

    fit(world.learner(grad_clip=0.1), world.data(), SETTINGS, callbacks={"norms": Norms()})
    assert len(seen) == 20
    assert max(seen) > 0.1


def test_nothing_is_called_unless_a_callback_takes_the_event(world: World) -> None:
    progress = fit(world.learner(), world.data(), SETTINGS, callbacks={"c": Callback()})
    assert progress.learner.on_gradients is None


def test_the_norm_is_logged(world: World) -> None:
    journal = world.journal()
    fit(world.learner(), world.data(), SETTINGS, callbacks={"journal": journal, "norm": GradientNorm(5)})
    assert [*journal.tags("train/gradient_norm")] == [5, 10, 15, 20]


def test_frozen_weights_stay_until_they_are_thawed() -> None:
    learner = fake_learner()
    before = {name: value.clone() for name, value in learner.model.named_parameters()}
    moved: dict[int, set[str]] = {}

    class Watch(Callback):
        def on_update(self, progress: Progress) -> None:
            now = progress.learner.model.named_parameters()
            moved[progress.step] = {name for name, value in now if not torch.equal(value, before[name])}

    fit(learner, fake_data(), SETTINGS, callbacks={"watch": Watch(), "freeze": Freeze(["0", "4.bias"], 1)})
    frozen = {"0.weight", "4.bias"}
    assert all(not moved[step] & frozen for step in range(1, 10))  # an epoch has 9 updates
    assert frozen <= moved[10]


@pytest.mark.parametrize(
    ("patterns", "line"),
    [
        (
            ["backbone.*"],
            r"freeze: no parameter of the model matches backbone\.\* \(there are 0, 1, ",
        ),
        (["*"], "freeze: every weight is frozen, and none is left to train"),
    ],
)
def test_patterns_that_cannot_be_meant(world: World, patterns: list[str], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        Freeze(patterns).check_model(world.learner().model, "freeze")
