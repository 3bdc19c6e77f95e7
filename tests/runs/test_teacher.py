"""A task with the frozen model of another run: distillation."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from sweepboard.tasks import Classification
from tests.command import TINY, Command, record_of

TEACHER = "{_target_: sweepboard.models.Frozen, model: {_target_: sweepboard.load_model, run: first}}"


class Distillation(Classification):
    """Learns the outputs of a teacher, which it holds."""

    def __init__(self, teacher: nn.Module) -> None:
        super().__init__()
        self.teacher = teacher

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        told: Tensor = self.teacher(torch.ones(len(outputs), 32))
        return mse_loss(outputs, told)


def test_a_teacher_is_frozen_recorded_and_in_no_checkpoint(command: Command) -> None:
    small = [*TINY, "dataset=gaussian"]
    command(*small, "hydra.run.dir=first")
    task = f"task={{_target_: tests.runs.test_teacher.Distillation, teacher: {TEACHER}}}"
    said = command(*small, "hydra.run.dir=second", task)
    assert "warning" not in said.err
    assert list(record_of(Path("second"))["weights"]) == ["task.teacher.model.run"]
    saved = torch.load("second/checkpoints/last.pt", weights_only=True)
    assert saved["learner"]["task"] == [{}]
    command("verify", "second")
    command("resume", "second", "trainer.epochs=3")
    command(*small, "hydra.run.dir=other", "seed=1")
    Path("first").rename("gone")
    Path("other").rename("first")
    assert "task.teacher.model.run (file):" in command("resume", "second", "trainer.epochs=4", code=2).err
