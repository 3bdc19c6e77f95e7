"""A detector of torchvision: losses in training, boxes in evaluation."""

import torch
from torch import nn
from torchmetrics.classification import BinaryAveragePrecision
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import box_iou

from sweepboard.tasks import Step, Task


def detector(classes, width=32, size=64):
    """Return FCOS (Tian et al. 2019, arXiv 1904.01355) with a small backbone, one cell for 8 x 8 pixels."""
    layers = []
    for inputs in (3, width, width):
        layers += [nn.Conv2d(inputs, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    backbone = nn.Sequential(*layers)
    backbone.out_channels = width
    anchors = AnchorGenerator(sizes=((16,),), aspect_ratios=((1.0,),))
    head = FCOSHead(width, 1, classes, num_convs=1)
    return FCOS(backbone, classes, size, size, head=head, anchor_generator=anchors)


class Detection(Task):
    """The losses of the model, and the average precision of the boxes that it finds."""

    primary_metric = "average_precision"

    def __init__(self):
        self.average_precision = BinaryAveragePrecision(thresholds=100)

    def training_step(self, model, batch):
        losses = model(*batch)
        return {"loss": sum(losses.values()), **losses}

    def evaluation_step(self, model, batch):
        images, targets = batch
        for found, target in zip(model(images), targets, strict=True):
            hit = matches(found, target)
            missed = len(target["boxes"]) - int(hit.sum())
            scores = torch.cat([found["scores"], torch.zeros(missed)])
            self.average_precision.update(scores, torch.cat([hit, torch.ones(missed)]).int())
        return Step(None)


def matches(found, target, overlap=0.5):
    """Return which of the found boxes, best first, are the first on a target of their class."""
    alike = found["labels"][:, None] == target["labels"]
    overlaps = torch.where(alike, box_iou(found["boxes"], target["boxes"]), 0.0)
    hit = torch.zeros(len(overlaps))
    for number in range(len(overlaps)):
        value, which = overlaps[number].max(0)
        if value >= overlap:
            hit[number], overlaps[:, which] = 1, 0.0
    return hit
