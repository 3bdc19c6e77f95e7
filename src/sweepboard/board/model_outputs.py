"""Model outputs for pictures, computed without any effect on training.

These functions restore modes, gradients and buffers; the loop restores random states around every callback.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import functional_call

from sweepboard.training.evaluate import evaluating

if TYPE_CHECKING:
    from sweepboard.training.learner import Learner
    from sweepboard.training.progress import Progress


def outputs_of(learner: Learner, inputs: Tensor) -> Tensor:
    """Return the outputs for a batch as float32 on the CPU, computed in the precision of the run.

    The uncompiled module is used, since new batch sizes would make a compiled one compile again. A forward
    pass that changes buffers changes copies of them.
    """
    model = learner.model
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with evaluating(model), torch.no_grad(), learner.autocast():
        outputs: Tensor = functional_call(model, buffers, (inputs,))
    return outputs.float().cpu()


def validation_outputs(progress: Progress) -> tuple[Tensor, Tensor]:
    """Return outputs and targets of the validation set, on the CPU."""
    assert progress.data.val is not None
    outputs, targets = [], []
    for batch in islice(progress.data.val.epoch(0), progress.settings.limit_val_batches):
        outputs.append(outputs_of(progress.learner, batch[0]))
        targets.append(batch[1].cpu())
    return torch.cat(outputs), torch.cat(targets)
