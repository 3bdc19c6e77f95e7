"""Model outputs for pictures, computed without any effect on training.

These functions restore modes, gradients and buffers; the loop restores random states around every callback.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from sweepboard.data.types import Batch
from sweepboard.training.evaluate import evaluating
from sweepboard.training.kept_buffers import buffers_kept
from sweepboard.training.metric_objects import fresh_metrics

if TYPE_CHECKING:
    from sweepboard.training.learner import Learner
    from sweepboard.training.progress import Progress


class Shown(NamedTuple):
    """Samples with what the model gives for them, on the CPU, outputs as float32."""

    inputs: Tensor
    outputs: Tensor
    targets: Tensor


def outputs_of(learner: Learner, batch: Batch) -> Shown | None:
    """Return the outputs for a batch, computed in the precision of the run.

    None if the task gives no inputs, outputs or targets to show. The uncompiled module is used, since new
    batch sizes would make a compiled one compile again.
    """
    task = learner.task
    gradients = torch.enable_grad() if task.evaluation_gradients else torch.no_grad()
    restored = evaluating(learner.model, *learner.task_modules), fresh_metrics(task)
    with restored[0], restored[1], buffers_kept(learner.model), gradients:
        step = learner.evaluation_step(batch, compiled=False)
    if step.inputs is None or step.outputs is None or step.targets is None:
        return None
    return Shown(step.inputs.detach().cpu(), step.outputs.detach().float().cpu(), step.targets.detach().cpu())


def validation_outputs(progress: Progress) -> tuple[Tensor, Tensor] | None:
    """Return outputs and targets of the validation set, on the CPU; None if the task gives none."""
    assert progress.data.val is not None
    outputs, targets = [], []
    for batch in islice(progress.data.val.epoch(0), progress.settings.limit_val_batches):
        shown = outputs_of(progress.learner, batch)
        if shown is None:
            return None
        outputs.append(shown.outputs)
        targets.append(shown.targets)
    return torch.cat(outputs), torch.cat(targets)
