"""SimCLR: a representation learned from two views of every image (Chen et al. 2020, arXiv 2002.05709)."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset
from torchvision.transforms import v2

from sweepboard.data import FashionMini
from sweepboard.tasks import Step, Task

VIEW = v2.Compose(
    [
        v2.RandomResizedCrop(28, scale=(0.4, 1.0)),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
    ]
)


class TwoViews(Dataset):
    """Two random views of an image of clothes, and its class for the probe."""

    def __init__(self, size, train=True):
        splits = FashionMini().load()
        split = splits.train if train else splits.test
        self.images, self.labels = split.inputs[:size], split.targets[:size]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        return VIEW(image), VIEW(image), self.labels[index]


class SimCLR(nn.Module):
    """An encoder, the projection that the contrastive loss sees, and a linear probe of the encoder."""

    def __init__(self, width=16, projection=32, classes=10):
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.BatchNorm2d(2 * width), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(2), nn.Flatten()),
        )
        features = 8 * width
        self.projector = nn.Sequential(
            nn.Linear(features, features), nn.ReLU(), nn.Linear(features, projection)
        )
        self.probe = nn.Linear(features, classes)

    def forward(self, images):
        features = self.encoder(images)
        return self.projector(features), self.probe(features.detach())


class Contrast(Task):
    """NT-Xent between the views of a batch; a probe that is trained along says what the encoder is worth."""

    primary_metric = "probe_accuracy"

    def __init__(self, temperature=0.2):
        self.temperature = temperature

    def training_step(self, model, batch):
        first, second, label = batch
        projected, logits = model(torch.cat([first, second]))
        contrast = self.nt_xent(projected)
        probe = F.cross_entropy(logits, label.repeat(2))
        accuracy = (logits.argmax(1) == label.repeat(2)).float().mean()
        values = {"contrast": contrast, "probe_loss": probe, "probe_accuracy": accuracy}
        return Step(contrast + probe, values=values)

    def nt_xent(self, projected):
        """Return how badly each view finds the other one of its image among all others."""
        unit = F.normalize(projected)
        similar = (unit @ unit.T / self.temperature).fill_diagonal_(-torch.inf)
        partners = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
        return F.cross_entropy(similar, partners)
