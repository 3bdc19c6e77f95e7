"""A Lightning + Hydra program with TensorBoard, in the manner of lightning-hydra-template.

Model, data, trainer and logger are config groups built by `instantiate`; the images go through torchvision's
transforms and a DataLoader. The last line printed is JSON for the harness.
"""

from __future__ import annotations

import json
from itertools import pairwise

import hydra
import lightning as L
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy
from torchvision import datasets, transforms


class MLP(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, inputs: int, hidden: list[int], outputs: int) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


class Classifier(L.LightningModule):
    """Cross-entropy and Adam around any network."""

    def __init__(self, net: nn.Module, lr: float) -> None:
        super().__init__()
        self.net, self.lr = net, lr
        self.accuracy = MulticlassAccuracy(num_classes=10, average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        images, labels = batch
        loss = F.cross_entropy(self.net(images), labels)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def test_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        images, labels = batch
        self.accuracy(self.net(images), labels)
        self.log("test/accuracy", self.accuracy)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class FashionMNIST(L.LightningDataModule):
    """The full data set, transformed sample by sample."""

    def __init__(self, root: str, batch_size: int, num_workers: int) -> None:
        super().__init__()
        self.root, self.batch_size, self.num_workers = root, batch_size, num_workers
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.2860,), (0.3530,))]
        )

    def _loader(self, train: bool) -> DataLoader[tuple[Tensor, int]]:
        data = datasets.FashionMNIST(self.root, train=train, transform=self.transform)
        return DataLoader(
            data,
            batch_size=self.batch_size,
            shuffle=train,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
        )

    def train_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self._loader(train=True)

    def test_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self._loader(train=False)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> None:
    L.seed_everything(cfg.seed)
    data = instantiate(cfg.data)
    model = Classifier(instantiate(cfg.model), lr=cfg.lr)
    trainer = instantiate(cfg.trainer, logger=instantiate(cfg.logger))
    trainer.fit(model, datamodule=data)
    (metrics,) = trainer.test(model, datamodule=data)
    print(json.dumps({"updates": trainer.global_step, "accuracy": metrics["test/accuracy"]}))


if __name__ == "__main__":
    main()
