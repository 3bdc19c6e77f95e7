"""Histograms of every weight and gradient."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor, nn

from sweepboard.board import summaries
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.board.event_writer import EventWriter
    from sweepboard.training.progress import Progress

logger = logging.getLogger("sweepboard")

BINS = 64
"""Buckets of a stored histogram; TensorBoard's charts draw about half as many."""


class Histograms(Callback):
    """Writes `weights/<parameter>` and `weights/<parameter>.grad` at regular epochs, and at the end."""

    may_fail = True

    def __init__(self, writer: EventWriter, every_epochs: int) -> None:
        self.writer = writer
        self.every_epochs = every_epochs
        self.written_at = -1
        self.warned = False

    def on_epoch_end(self, progress: Progress) -> None:
        if progress.epoch % self.every_epochs == 0:
            self._write(progress)

    def on_end(self, progress: Progress) -> None:
        if self.written_at != progress.step:
            self._write(progress)

    def _write(self, progress: Progress) -> None:
        values = []
        for tag, tensor in _named_tensors(progress.learner.model):
            buckets = buckets_of(tensor)
            if buckets is None:
                self._warn_once(tag, progress.step)
            else:
                values.append(summaries.histogram(tag, buckets))
        self.writer.add(progress.step, Summary(value=values))
        self.written_at = progress.step

    def _warn_once(self, tag: str, step: int) -> None:
        if not self.warned:
            logger.warning("no histogram of %s at step %d: it is empty or holds NaN or infinity", tag, step)
        self.warned = True


def _named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        yield f"weights/{name}", parameter.detach()
        gradient = parameter.grad
        if gradient is not None:
            dense = gradient.coalesce().values() if gradient.is_sparse else gradient
            yield f"weights/{name}.grad", dense.detach()


def buckets_of(tensor: Tensor, bins: int = BINS) -> npt.NDArray[np.float64] | None:
    """Return rows of (left edge, right edge, count), or None if the tensor is empty or not all finite.

    Counting happens on the tensor's own device, and only counts are fetched. Values are scaled to the range
    from -1 to 1 first, so that neither the largest nor the smallest numbers of their type overflow.
    """
    if tensor.numel() == 0:
        return None
    values = (torch.view_as_real(tensor) if tensor.is_complex() else tensor).flatten()
    values = values if values.dtype == torch.float64 else values.float()
    low, high = torch.stack(values.aminmax()).tolist()  # NaN is carried through
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    if low == high:
        return np.array([[low, high, values.numel()]])
    scale = max(abs(low), abs(high))
    left, right = low / scale, high / scale
    places = ((values / scale - left) * (bins / (right - left))).long().clamp_(0, bins - 1)
    counts = torch.bincount(places, minlength=bins).cpu().numpy()
    edges = np.linspace(left, right, bins + 1) * scale
    edges[0], edges[-1] = low, high
    return np.column_stack((edges[:-1], edges[1:], counts)).astype(np.float64)
