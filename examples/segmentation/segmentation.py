"""Semantic segmentation: a class for each pixel, measured by the mean intersection over union."""

import torch
from torch import nn
from torchmetrics.classification import MulticlassJaccardIndex

from sweepboard.tasks import Classification


def block(channels, outputs):
    return nn.Sequential(
        nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class UNet(nn.Module):
    """Two scales down, two up, with connections across (Ronneberger et al. 2015, arXiv 1505.04597)."""

    def __init__(self, classes, width=12):
        super().__init__()
        self.first, self.second = block(3, width), block(width, 2 * width)
        self.bottom = block(2 * width, 4 * width)
        self.third, self.last = block(6 * width, 2 * width), block(3 * width, width)
        self.head = nn.Conv2d(width, classes, 1)
        self.down, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, images):
        first = self.first(images)
        second = self.second(self.down(first))
        bottom = self.bottom(self.down(second))
        third = self.third(torch.cat([self.up(bottom), second], dim=1))
        return self.head(self.last(torch.cat([self.up(third), first], dim=1)))


class Segmentation(Classification):
    """Cross-entropy of each pixel; accuracy of pixels and mean IoU of classes."""

    primary_metric = "iou"

    def __init__(self, classes):
        super().__init__()
        self.iou = MulticlassJaccardIndex(classes)

    def training_step(self, model, batch):
        step = super().training_step(model, batch)
        self.iou.update(step.outputs, step.targets)
        return step
