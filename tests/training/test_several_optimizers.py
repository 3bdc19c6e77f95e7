"""A learner with several optimizers, with groups, and with optimizers of other packages."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import StepLR

from sweepboard.errors import ConfigError, NonFiniteLoss, UserError
from sweepboard.settings import SchedulerSettings, TrainerSettings
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.checkpoint_file import load_checkpoint
from sweepboard.training.evaluate import evaluate
from sweepboard.training.learner import Learner
from sweepboard.training.loop import fit
from sweepboard.training.loop_state import LoopState
from sweepboard.training.schedules import Schedule, Schedules
from sweepboard.training.seeding import seed_everything
from sweepboard.training.state_copies import copied
from sweepboard.training.tasks import Classification
from tests.training.conftest import Journal, Net, World
from tests.training.odd_optimizers import SAM, ScheduleFreeSGD

Make = Callable[[nn.Module], dict[str, Optimizer]]


def named(model: nn.Module) -> dict[str, Optimizer]:
    """Adam for the first layers, with a group for the norm; SGD for the last."""
    layers = list(model.children())
    groups: list[dict[str, Any]] = [
        {"params": list(layers[0].parameters())},
        {"params": list(layers[1].parameters()), "name": "norm", "lr": 0.5},
    ]
    return {
        "first": torch.optim.Adam(groups, lr=0.01),
        "last": torch.optim.SGD(layers[-1].parameters(), lr=0.1, momentum=0.9),
    }


def learner(make: Make = named, **settings: Any) -> Learner:
    seed_everything(3)
    model = Net()
    optimizers = make(model)
    schedules = {
        name: Schedule(StepLR(one, 3, 0.5), SchedulerSettings())
        for name, one in optimizers.items()
        if "lr" in one.param_groups[0]
    }
    return Learner(model, Classification(), optimizers, Schedules(schedules), **settings)


def trained(
    world: World, folder: Path, make: Make, steps: int, resume: LoopState | None = None
) -> tuple[Learner, Journal]:
    trainer, journal = TrainerSettings(steps=steps, val_every_epochs=None, val_every_steps=5), world.journal()
    one = learner(make)
    fit(
        one,
        world.data(),
        trainer,
        logging_every_steps=3,
        callbacks={"journal": journal},
        checkpoints=Checkpoints(folder),
        resume=resume,
    )
    return one, journal


def sam(model: nn.Module) -> dict[str, Optimizer]:
    return {"optimizer": SAM(model.parameters(), lambda groups: torch.optim.SGD(groups, lr=0.1))}


def schedule_free(model: nn.Module) -> dict[str, Optimizer]:
    return {"optimizer": ScheduleFreeSGD(model.parameters())}


@pytest.mark.parametrize("make", [named, sam, schedule_free])
def test_a_resumed_run_is_the_run_that_was_never_stopped(world: World, tmp_path: Path, make: Make) -> None:
    whole, journal = trained(world, tmp_path / "whole", make, 10)
    trained(world, tmp_path / "part", make, 4)
    resumed, rest = trained(world, tmp_path / "part", make, 10, Checkpoints(tmp_path / "part").load(10))
    assert weights_sha256(resumed.model) == weights_sha256(whole.model)
    assert rest.repeatable().items() <= journal.repeatable().items()


def test_every_optimizer_steps_with_the_gradients_of_one_loss() -> None:
    def split(model: nn.Module) -> dict[str, Optimizer]:
        first, *rest = model.parameters()
        return {"a": torch.optim.SGD([first], lr=0.1), "b": torch.optim.SGD(rest, lr=0.1)}

    def whole(model: nn.Module) -> dict[str, Optimizer]:
        return {"optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}

    batch = (torch.randn(8, 6), torch.randint(4, (8,)))
    one, two = (learner(make, grad_clip=0.5) for make in (split, whole))
    for _ in range(4):
        seed_everything(0)
        one.update([batch])
        seed_everything(0)
        two.update([batch])
    assert weights_sha256(one.model) == weights_sha256(two.model)


def test_learning_rates_are_on_the_board_by_name(world: World, tmp_path: Path) -> None:
    _, journal = trained(world, tmp_path, named, 6)
    assert journal.tags("train/lr/first") == {3: 0.01, 6: 0.005}
    assert journal.tags("train/lr/first/norm") == {3: 0.5, 6: 0.25}
    assert journal.tags("train/lr/last") == {3: 0.1, 6: 0.05}
    assert journal.tags("train/lr") == {}


def test_a_state_of_other_optimizers_is_refused_in_one_line() -> None:
    state = learner().state_dict()

    def others(model: nn.Module) -> dict[str, Optimizer]:
        return {"optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}

    def without_group(model: nn.Module) -> dict[str, Optimizer]:
        optimizers = named(model)
        first = [one for group in optimizers["first"].param_groups for one in group["params"]]
        return {**optimizers, "first": torch.optim.Adam(first)}

    with pytest.raises(
        UserError, match=r"^the checkpoint does not fit this run: it has the optimizers first, last$"
    ):
        learner(others).load_state_dict(state)
    with pytest.raises(UserError, match=r"a different number of parameter groups$"):
        learner(without_group).load_state_dict(state)


def test_best_weights_are_those_that_were_evaluated(world: World, tmp_path: Path) -> None:
    one, journal = trained(world, tmp_path, schedule_free, 5)
    checkpoints = Checkpoints(tmp_path)
    best, last = (load_checkpoint(path) for path in (checkpoints.best, checkpoints.last))
    state = checkpoints.load()
    assert state is not None
    evaluated = Net()
    evaluated.load_state_dict(best["model"])
    plain = Learner(evaluated, Classification(), torch.optim.SGD(evaluated.parameters()))
    loss = evaluate(plain, world.data().val.epoch(0))["loss"]  # type: ignore[union-attr]
    assert loss == journal.tags("val/loss")[5]
    assert not torch.equal(best["model"]["0.weight"], last["learner"]["model"]["0.weight"])
    assert torch.equal(best["model"]["0.weight"], state.model["0.weight"])
    assert torch.equal(last["learner"]["model"]["0.weight"], one.model.state_dict()["0.weight"])


def test_a_closure_is_measured_once() -> None:
    one = learner(sam)
    one.update([(torch.randn(8, 6), torch.randint(4, (8,)))])
    one.check()
    assert one.meter.samples == 8


def test_weights_that_thaw_are_trained_from_then_on(world: World) -> None:
    """Frozen ones are in the optimizer from the start, without a state until they have a gradient."""

    def made() -> tuple[Learner, nn.Module]:
        one = learner(lambda model: {"optimizer": torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)})
        return one, next(iter(one.model.children()))

    def train(one: Learner, start: int, end: int) -> None:
        for batch in islice(world.data().train.epoch(0, start), end - start):
            seed_everything(one.step)  # for dropout
            one.update([batch])

    whole, first = made()
    first.requires_grad_(False)
    before = [each.clone() for each in first.parameters()]
    train(whole, 0, 3)
    assert all(map(torch.equal, first.parameters(), before))
    first.requires_grad_(True)
    train(whole, 3, 5)
    assert not any(map(torch.equal, first.parameters(), before))
    resumed, _ = made()
    resumed.load_state_dict(copied(whole.state_dict()))
    for one in (whole, resumed):
        train(one, 5, 7)
    assert weights_sha256(resumed.model) == weights_sha256(whole.model)


def test_values_of_the_gradient_are_clipped() -> None:
    one = learner(grad_clip_value=0.01)
    one.update([(torch.randn(8, 6), torch.randint(4, (8,)))])
    largest = max(float(each.grad.abs().max()) for each in one.model.parameters() if each.grad is not None)
    assert largest == pytest.approx(0.01)


class NoRate(Optimizer):
    def __init__(self, params: Any) -> None:
        super().__init__(params, {})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Blow up."""
        with torch.no_grad():
            for one in self.param_groups[0]["params"]:
                one.fill_(float("nan"))


def test_an_optimizer_without_a_learning_rate() -> None:
    one = learner(lambda model: {"optimizer": NoRate(model.parameters())})
    for _ in range(2):
        one.update([(torch.randn(8, 6), torch.randint(4, (8,)))])
    with pytest.raises(NonFiniteLoss, match=r"^loss became non-finite at step 2: try"):
        one.check()
    assert one.learning_rates == {}


def test_one_that_evaluates_itself_must_be_alone() -> None:
    def two(model: nn.Module) -> dict[str, Optimizer]:
        first, *rest = model.parameters()
        return {"a": torch.optim.LBFGS([first]), "b": torch.optim.SGD(rest)}

    with pytest.raises(ConfigError, match=r"^optimizer: LBFGS evaluates the loss itself"):
        learner(two)
