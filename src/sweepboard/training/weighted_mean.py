"""The mean of losses and gradients over the batches of one update, each batch with its own weight."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from sweepboard.training.gradient_sum import GradientSum
from sweepboard.training.task import Step, training_loss


class WeightedMean:
    """Adds up losses by their weights; the gradients that were added up so are divided in the end.

    The weights need not be known before the last batch: a loss that ignores targets knows its own only after
    it has been computed. One batch alone is not weighted, so that its gradients stay exact. With ranks the
    mean is that over the batches of all.
    """

    def __init__(self, batches: int, ranks: GradientSum | None = None) -> None:
        self._ranks = ranks
        self._alone = batches == 1 and ranks is None
        self._loss: float | Tensor = 0.0
        self._weight: float | Tensor = 0.0

    def add(self, step: Step) -> Tensor:
        """Add a loss; return what to go backward from."""
        loss = training_loss(step)
        if self._alone:
            self._loss, self._weight = loss.detach(), 1.0
            return loss
        assert step.weight is not None
        weighted = loss * step.weight
        self._loss = self._loss + weighted.detach()
        self._weight = self._weight + step.weight
        return weighted

    @property
    def loss(self) -> Tensor:
        """The mean loss over all samples; with ranks once the gradients were divided."""
        mean = self._loss if self._alone else self._loss / self._weight
        assert isinstance(mean, Tensor)
        return mean

    def divide(self, parameters: Iterable[nn.Parameter]) -> None:
        """Divide the gradients of `parameters` by the sum of the weights."""
        if self._alone:
            return
        if self._ranks is not None:
            self._loss, self._weight = self._ranks(parameters, self._loss, self._weight), 1.0
            return
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.div_(self._weight)
