"""Schedules of one optimizer or of several, and of several parts, as YAML composes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from sweepboard.building.optimizers import build_optimizers
from sweepboard.building.schedules import build_schedules
from sweepboard.training.schedules import Schedules
from tests.preparing import Mistake, Prepare, told

RUN = ("dataset=gaussian", "model=linear", "optimizer=sgd", "optimizer.lr=1.0", "trainer.steps=12")
LINEAR = "{_target_: torch.optim.lr_scheduler.LinearLR, start_factor: 0.5, total_iters: 4}"
COSINE = "{_target_: torch.optim.lr_scheduler.CosineAnnealingLR, T_max: 8}"
SEQUENTIAL = f"_target_: torch.optim.lr_scheduler.SequentialLR, schedulers: [{LINEAR}, {COSINE}]"
CHAIN = "_target_: torch.optim.lr_scheduler.ChainedScheduler, schedulers:"
CHAINED = f"{CHAIN} [{LINEAR}, {COSINE}]"
BAD = SEQUENTIAL.replace("T_max", "T_mx")
SGD = "_target_: torch.optim.SGD"
TWO = f"{{weight: {{{SGD}, lr: 1.0, params: '*weight'}}, bias: {{{SGD}, lr: 2.0, params: '*bias'}}}}"


def spelt_out(word: str) -> str:
    for name, text in {"SEQUENTIAL": SEQUENTIAL, "BAD": BAD, "CHAIN": CHAIN, "LINEAR": LINEAR}.items():
        word = word.replace(name, text)
    return word.replace(" L.", " torch.optim.lr_scheduler.")


OWN = """
from torch.optim.lr_scheduler import LambdaLR

class Halving(LambdaLR):
    def __init__(self, opt, factor=0.5):
        super().__init__(opt, lambda step: factor ** step)

class NoRate(__import__("torch").optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})

def nothing(optimizer):
    return 3
"""

Built = tuple[Schedules, dict[str, torch.optim.Optimizer]]


@pytest.fixture
def built(prepare: Prepare) -> Callable[..., Built]:
    def run(*words: str) -> Built:
        given = [*RUN[:2], RUN[4]] if "~optimizer" in words else RUN
        values = prepare(*given, *words).config.values
        optimizers = build_optimizers(values["optimizer"], nn.Linear(32, 10))
        return build_schedules(values["scheduler"], optimizers), optimizers

    return run


def rates(schedules: Schedules, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(round(optimizer.param_groups[0]["lr"], 4))
        schedules.after("step", {})
    return found


def test_composed_schedulers_get_the_optimizer(built: Callable[..., Built]) -> None:
    schedules, optimizers = built(f"scheduler={{{SEQUENTIAL}, milestones: [4]}}")
    values = rates(schedules, optimizers["optimizer"], 12)
    assert values[:5] == [0.5, 0.625, 0.75, 0.875, 1.0]
    assert values[4:] == sorted(values[4:], reverse=True)
    schedules, optimizers = built(f"scheduler={{{CHAINED}}}")
    assert rates(schedules, optimizers["optimizer"], 3) == [0.5, 0.6012, 0.6402]


def test_parts_step_at_their_own_intervals(built: Callable[..., Built]) -> None:
    words = ("scheduler=warmup_plateau", "scheduler.plateau.patience=0", "scheduler.warmup.start_factor=0.5")
    schedules, optimizers = built(*words, "scheduler.warmup.total_iters=2")
    (group,) = optimizers["optimizer"].param_groups
    assert group["lr"] == 0.5
    for loss in (1.0, 2.0):  # the second is no better
        schedules.after("step", {})
        schedules.after("epoch", {})
        schedules.after("validation", {"loss": loss})
    assert group["lr"] == pytest.approx(0.1)


def test_a_schedule_for_each_optimizer(built: Callable[..., Built]) -> None:
    several = ("~optimizer", f"optimizer={TWO}")
    schedules, optimizers = built(*several, "scheduler=cosine")
    for _ in range(12):
        schedules.after("step", {})
    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == [0.0, 0.0]
    schedules, optimizers = built(*several, f"scheduler.bias={LINEAR}", "scheduler.bias.interval=epoch")
    schedules.after("step", {})
    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == [1.0, 1.0]
    schedules.after("epoch", {})
    assert [one.param_groups[0]["lr"] for one in optimizers.values()] == [1.0, 1.25]
    schedules, _ = built(*several, "scheduler=warmup_plateau")
    assert [each.key for each in schedules] == ["scheduler.warmup", "scheduler.plateau"] * 2
    words = f"scheduler={{bias: {{warmup: {LINEAR}, decay: {COSINE}}}}}"
    schedules, optimizers = built(*several, words)
    assert [each.key for each in schedules] == ["scheduler.bias.warmup", "scheduler.bias.decay"]


def test_any_first_argument(built: Callable[..., Built], module: Callable[[str, str], None]) -> None:
    module("own", OWN)
    schedules, optimizers = built("scheduler={_target_: own.Halving, factor: 0.1}")
    assert rates(schedules, optimizers["optimizer"], 3) == [1.0, 0.1, 0.01]


def test_through_a_checkpoint_to_another_length(built: Callable[..., Built]) -> None:
    words = f"scheduler={{{SEQUENTIAL}, milestones: [4]}}"
    schedules, optimizers = built(words)
    rates(schedules, optimizers["optimizer"], 6)
    longer, others = built(words.replace("T_max: 8", "T_max: 100"))
    others["optimizer"].load_state_dict(optimizers["optimizer"].state_dict())
    longer.load_state_dict(schedules.state_dict())
    left = rates(longer, others["optimizer"], 3)
    assert left[0] == rates(schedules, optimizers["optimizer"], 1)[0]
    assert left[1] > 0.8  # the new length


MISTAKES = told(
    """
scheduler.warmup=3
    scheduler.warmup: there is no scheduler to take it; choose one, such as scheduler=cosine

scheduler.warmup={T_max: 3}
    scheduler.warmup: there is no scheduler to take it; choose one, such as scheduler=cosine

scheduler={SEQUENTIAL}
    scheduler.milestones: torch.optim.lr_scheduler.SequentialLR needs this argument; type
    scheduler.milestones=...

scheduler={BAD, milestones: [4]}
    scheduler.schedulers[1].T_mx: torch.optim.lr_scheduler.CosineAnnealingLR has no such argument;
    did you mean scheduler.schedulers[1].T_max?

scheduler={SEQUENTIAL, milestones: [4, 5]}
    scheduler: torch.optim.lr_scheduler.SequentialLR cannot be built: ValueError: Sequential
    Schedulers expects

scheduler={_target_: L.OneCycleLR, max_lr: 1, total_steps: 100, pct_start: 0.01}
    scheduler: torch.optim.lr_scheduler.OneCycleLR cannot be built: ZeroDivisionError: float

scheduler={_target_: L.StepLR, step_size: 0}
    scheduler: StepLR cannot step: ZeroDivisionError: integer modulo by zero; give its arguments
    other values

scheduler={_target_: L.CosineAnnealingLR, T_max: 0}
    scheduler: CosineAnnealingLR cannot step: ZeroDivisionError: integer modulo by zero; give its arguments
    other values

scheduler={_target_: L.StepLR, step_size: 1, optimizer: 3}
    scheduler.optimizer: given by sweepboard itself; leave it out

scheduler={a: LINEAR, b: {_target_: L.OneCycleLR, max_lr: 1, total_steps: 12}}
    scheduler.b: OneCycleLR undoes what other schedulers do to the learning rate; use one that
    multiplies it, such as LinearLR, CosineAnnealingLR or MultiplicativeLR

scheduler={a: LINEAR, b: {_target_: L.ReduceLROnPlateau}}
    scheduler.b: ReduceLROnPlateau follows a validation metric: use scheduler.b.interval=validation

scheduler={a: LINEAR, interval: steps}
    scheduler.interval=steps: choose from step, epoch, validation

scheduler.a={_target_: L.StepLR, step_size: 1, interval: steps}
    scheduler.a.interval=steps: choose from step, epoch, validation

scheduler={_target_: L.ReduceLROnPlateau, interval: validation, metric: los}
    scheduler.metric=los: there is no such metric; did you mean loss?

scheduler={_target_: own.nothing}
    scheduler: own.nothing gave a int, not a torch LRScheduler

scheduler={CHAIN [LINEAR, {_target_: L.OneCycleLR, max_lr: 1, total_steps: 5}]}
    scheduler: OneCycleLR is shorter than the run, which steps it 12 times
"""
)


@pytest.mark.parametrize("word", MISTAKES)
def test_a_mistake_is_told(word: str, mistake: Mistake, module: Callable[[str, str], None]) -> None:
    module("own", OWN)
    assert mistake(*RUN, spelt_out(word)).startswith(MISTAKES[word])


OF_SEVERAL = told(
    """
scheduler.biass=LINEAR
    scheduler.biass: there is no such optimizer; did you mean bias?

scheduler.bias=3
    scheduler.bias: there is no scheduler to take it; choose one, such as scheduler=cosine

scheduler.bias={_target_: L.StepLR}
    scheduler.bias.step_size: torch.optim.lr_scheduler.StepLR needs this argument; type
    scheduler.bias.step_size=...
"""
)


@pytest.mark.parametrize("word", OF_SEVERAL)
def test_a_mistake_with_several(word: str, mistake: Mistake) -> None:
    assert mistake(*RUN[:2], "~optimizer", f"optimizer={TWO}", spelt_out(word)) == OF_SEVERAL[word]


def test_groups_keep_their_own_rates(mistake: Mistake, prepare: Prepare) -> None:
    words = [*RUN, "scheduler=onecycle", "optimizer.groups.bias={params: '*bias', lr: 0.1}"]
    assert mistake(*words) == (
        "scheduler: torch.optim.lr_scheduler.OneCycleLR gives all parameter groups one learning rate; give "
        "it a list with one for each of the 2 groups, or choose another"
    )
    prepare(*words, "scheduler.max_lr=[1.0,0.1]")


def test_no_learning_rate_and_no_validation(mistake: Mistake, module: Callable[[str, str], None]) -> None:
    module("own", OWN)
    assert mistake(*RUN[:2], "optimizer._target_=own.NoRate", "scheduler=cosine") == (
        "scheduler: NoRate has no learning rate to schedule; use scheduler=none"
    )
    assert mistake(*RUN, "scheduler=warmup_plateau", "dataset.val_fraction=0") == (
        "scheduler.plateau.interval: needs a validation, and there is none; set dataset.val_fraction=0.1"
    )
