"""Optimizers that evaluate the loss themselves get the gradients they expect, and no evaluation too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweepboard.training.closures import Closure, needs_closure, takes_closure
from tests.training.odd_optimizers import SAM


class First(torch.optim.SGD):
    """Evaluates first, as the documentation of torch's optimizers has it."""

    def step(self, closure: Any = None) -> Any:
        with torch.enable_grad():
            loss = closure()
        super().step()
        return loss


class Needs(torch.optim.SGD):
    def step(self, closure: Any) -> Any:  # type: ignore[override]
        return super().step()


def weights_of(model: nn.Module) -> Tensor:
    return torch.cat([one.detach().flatten() for one in model.parameters()])


def trained(make: Callable[[Any], torch.optim.Optimizer], steps: int = 4) -> tuple[Tensor, int]:
    """The weights after some steps, and the number of evaluations."""
    torch.manual_seed(0)
    model, inputs = nn.Linear(3, 1), torch.randn(5, 3)
    optimizer, closure = make(model.parameters()), Closure(list(model.parameters()))
    evaluations = 0

    def evaluate() -> Tensor:
        nonlocal evaluations
        evaluations += 1
        model.zero_grad()
        loss: Tensor = model(inputs).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    for _ in range(steps):
        closure.step(optimizer, evaluate(), evaluate)
    return weights_of(model), evaluations


def by_hand(steps: int = 4, rho: float = 0.05) -> Tensor:
    torch.manual_seed(0)
    model, inputs = nn.Linear(3, 1), torch.randn(5, 3)
    weights = list(model.parameters())

    def gradients() -> list[Tensor]:
        return list(torch.autograd.grad(model(inputs).square().mean(), weights))

    for _ in range(steps):
        first = gradients()
        norm = torch.stack([one.norm() for one in first]).norm()
        old = [one.detach().clone() for one in weights]
        with torch.no_grad():
            for one, gradient in zip(weights, first, strict=True):
                one.add_(gradient * rho / norm)
        second = gradients()
        with torch.no_grad():
            for one, before, gradient in zip(weights, old, second, strict=True):
                one.copy_(before - 0.1 * gradient)
    return weights_of(model)


def sgd(params: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=0.1)


@pytest.mark.parametrize("by_data", [False, True])
def test_sam_takes_its_second_gradient_at_the_ascended_weights(by_data: bool) -> None:
    weights, evaluations = trained(lambda params: SAM(params, sgd, by_data=by_data))
    assert torch.allclose(weights, by_hand(), atol=1e-6)
    assert evaluations == 8


def test_a_first_evaluation_at_the_same_weights_costs_nothing() -> None:
    weights, evaluations = trained(lambda params: First(params, lr=0.1))
    plain, _ = trained(lambda params: NoClosure(params, lr=0.1))
    assert evaluations == 4
    assert torch.equal(weights, plain)


class NoClosure(torch.optim.SGD):
    def step(self, closure: Any = None) -> Any:
        return super().step()


def test_lbfgs_is_what_it_is_by_itself() -> None:
    weights, evaluations = trained(lambda params: torch.optim.LBFGS(params, lr=0.5, max_iter=3), steps=2)
    torch.manual_seed(0)
    model, inputs = nn.Linear(3, 1), torch.randn(5, 3)
    optimizer, count = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=3), 0

    def closure() -> Tensor:
        nonlocal count
        count += 1
        optimizer.zero_grad()
        loss: Tensor = model(inputs).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    for _ in range(2):
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    assert torch.equal(weights, weights_of(model))
    assert evaluations == count


def test_who_gets_one() -> None:
    weights = [nn.Parameter(torch.zeros(2))]
    assert not takes_closure(sgd(weights))
    assert not takes_closure(torch.optim.Adam(weights))
    for optimizer in (torch.optim.LBFGS(weights), SAM(weights, sgd), First(weights), Needs(weights)):
        assert takes_closure(optimizer)
        assert needs_closure(optimizer) is isinstance(optimizer, torch.optim.LBFGS | Needs)
