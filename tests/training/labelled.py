"""A task for dictionaries with labels, and small learners and batches for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepboard.training.learner import Learner
from sweepboard.training.task import Step, Task


def batches(count: int, size: int = 6) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "x": torch.randn(size, 3, generator=generator),
            "label": torch.randint(2, (size,), generator=generator),
        }
        for _ in range(count)
    ]


def learner_of(task: Task, lr: float = 0.1, **settings: Any) -> Learner:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    return Learner(model, task, torch.optim.SGD(model.parameters(), lr=lr), **settings)


class Labelled(Task):
    """Learns the label of a dictionary; the accuracy from sums, the entropy as a mean."""

    primary_metric = "accuracy"

    def training_step(self, model: Any, batch: Any) -> Step:
        logits = model(batch["x"])
        entropy = F.softmax(logits, 1).xlogy(F.softmax(logits, 1)).sum(1).neg().mean()
        hits = (logits.argmax(1) == batch["label"]).sum()
        return Step(F.cross_entropy(logits, batch["label"]), values={"entropy": entropy}, sums={"hits": hits})

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        return {"accuracy": float(sums["hits"] / sums["count"])}
