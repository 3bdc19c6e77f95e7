"""Optimizers as other packages write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class SAM(torch.optim.Optimizer):
    """Foret et al. 2021, as it is commonly written: the closure is for the ascended weights."""

    def __init__(
        self, params: Any, base_optimizer: Callable[..., Any], rho: float = 0.05, by_data: bool = False
    ) -> None:
        super().__init__(params, {"rho": rho})
        self.base = base_optimizer(self.param_groups)
        self.by_data = by_data

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        self.base.param_groups = self.param_groups

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert closure is not None
        weights = [one for group in self.param_groups for one in group["params"] if one.grad is not None]
        norm = torch.stack([one.grad.norm() for one in weights]).norm()
        old = [one.clone() for one in weights]
        for one in weights:
            ascent = one.grad * self.param_groups[0]["rho"] / norm
            if self.by_data:
                one.data.add_(ascent)
            else:
                one.add_(ascent)
        closure()
        for one, before in zip(weights, old, strict=True):
            one.copy_(before)
        self.base.step()


class ScheduleFreeSGD(torch.optim.Optimizer):
    """Defazio et al. 2024, in short: trains y, evaluates the average x, and keeps z."""

    def __init__(self, params: Any, lr: float = 0.1, beta: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "beta": beta, "training": False, "steps": 0})

    def _move(self, training: bool) -> None:
        for group in self.param_groups:
            if group["training"] is not training:
                for one in group["params"]:
                    z = self.state[one].get("z", one.detach().clone())
                    weight = 1 - group["beta"] if training else 1 - 1 / group["beta"]
                    one.data.lerp_(z, weight)
                group["training"] = training

    def train(self) -> None:
        self._move(True)

    def eval(self) -> None:
        self._move(False)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert all(group["training"] for group in self.param_groups), "train() was not called"
        for group in self.param_groups:
            group["steps"] += 1
            for one in (one for one in group["params"] if one.grad is not None):
                z = self.state[one].setdefault("z", one.detach().clone())
                one.lerp_(z, 1 / group["steps"])
                one.add_(one.grad, alpha=group["lr"] * (group["beta"] * (1 - 1 / group["steps"]) - 1))
                z.sub_(one.grad, alpha=group["lr"])
