"""A small model learns from a larger one (Hinton et al. 2015, arXiv 1503.02531)."""

import torch
import torch.nn.functional as F

from sweepboard import load_model
from sweepboard.tasks import Classification, Step


class Distillation(Classification):
    """The classes of the data, and what the model of another run says of them."""

    def __init__(self, teacher, temperature=4.0, share=0.9):
        super().__init__()
        self.teacher = load_model(teacher, checkpoint="best")
        self.temperature, self.share = temperature, share

    def training_step(self, model, batch):
        step = super().training_step(model, batch)
        with torch.no_grad():
            wanted = F.log_softmax(self.teacher(batch[0]) / self.temperature, dim=1)
        said = F.log_softmax(step.outputs / self.temperature, dim=1)
        distance = F.kl_div(said, wanted, log_target=True, reduction="batchmean") * self.temperature**2
        loss = self.share * distance + (1 - self.share) * step.loss
        return Step(loss, values={"distance": distance, "hard_loss": step.loss.detach()}, sums=step.sums)

    evaluation_step = Classification.training_step
