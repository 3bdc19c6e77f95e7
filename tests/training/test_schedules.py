"""Every scheduler of torch steps when told, saves what it must, and is not asked beyond its horizon."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import SchedulerSettings
from sweepboard.training.schedules import Schedule, Schedules, WarmupCosine

STEPS = 12
MAKERS: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "WarmupCosine": lambda o: WarmupCosine(o, STEPS, 0.25, 0.1),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=STEPS),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 3),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [3, 7]),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, STEPS),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 3),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda step: 0.9**step),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.CosineAnnealingLR(o, 8)], [4]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o), lr_scheduler.ExponentialLR(o, 0.9)], o
    ),
}


def made(name: str) -> tuple[torch.optim.Optimizer, Schedule]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    interval = "validation" if name == "ReduceLROnPlateau" else "step"
    return optimizer, Schedule(MAKERS[name](optimizer), SchedulerSettings(interval=interval))


def rates(optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int) -> list[tuple[float, float]]:
    """(learning rate, momentum) after each of `steps` updates."""
    values = []
    for _ in range(steps):
        schedule.step({"loss": 1.0})
        group = optimizer.param_groups[0]
        values.append((float(group["lr"]), float(group["momentum"])))
    return values


@pytest.mark.parametrize("name", MAKERS)
def test_to_its_exact_horizon_and_through_a_checkpoint(name: str) -> None:
    whole = rates(*made(name), STEPS)
    assert len(set(whole)) > 1
    optimizer, schedule = made(name)
    first = rates(optimizer, schedule, 5)
    buffer = io.BytesIO()
    torch.save((optimizer.state_dict(), schedule.state_dict()), buffer)
    buffer.seek(0)
    optimizer, schedule = made(name)
    optimizer_state, schedule_state = torch.load(buffer, weights_only=True)
    optimizer.load_state_dict(optimizer_state)
    schedule.load_state_dict(schedule_state)
    assert first + rates(optimizer, schedule, STEPS - 5) == whole


def test_warmup_cosine_rises_and_falls() -> None:
    values = [lr for lr, _ in rates(*made("WarmupCosine"), STEPS)]
    assert values[0] == pytest.approx(0.05)
    assert max(values) == values[2] == pytest.approx(0.1)
    assert values[2:] == sorted(values[2:], reverse=True)
    assert values[-1] == pytest.approx(0.01)


def test_other_events_leave_it_alone() -> None:
    _, schedule = made("StepLR")
    schedules = Schedules({"optimizer": schedule})
    before = schedules.state_dict()
    for event in ("epoch", "validation"):
        schedules.after(event, {"loss": 1.0})
    assert schedules.state_dict() == before
    schedules.after("step", {})
    assert schedules.state_dict() != before


def test_mistakes_have_one_line() -> None:
    optimizer, schedule = made("OneCycleLR")
    with pytest.raises(RunFailed, match=r"^scheduler: OneCycleLR is shorter than the run: "):
        rates(optimizer, schedule, STEPS + 1)
    with pytest.raises(ConfigError, match=r"scheduler.interval=steps: choose from step, epoch, validation"):
        Schedule(lr_scheduler.StepLR(optimizer, 1), SchedulerSettings(interval="steps"))
    with pytest.raises(ConfigError, match=r"use scheduler.interval=validation"):
        Schedule(lr_scheduler.ReduceLROnPlateau(optimizer), SchedulerSettings(interval="epoch"))
    with pytest.raises(ConfigError, match=r"scheduler.warmup_fraction=1.5 must be between 0 and 1"):
        WarmupCosine(optimizer, 10, 1.5)
