import argparse

import lightning as L
import torch
from boxes import Boxes
from detection import detector, matches
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader, random_split
from torchmetrics.classification import BinaryAveragePrecision


class Detection(L.LightningModule):
    """The losses of the model, and the average precision of the boxes that it finds."""

    def __init__(self, lr=0.002, classes=3):
        super().__init__()
        self.save_hyperparameters()
        self.model = detector(classes)
        self.average_precision = BinaryAveragePrecision(thresholds=100)

    def training_step(self, batch, batch_idx):
        losses = self.model(*batch)
        loss = sum(losses.values())
        self.log_dict({"train/loss": loss, **{f"train/{name}": value for name, value in losses.items()}})
        return loss

    def validation_step(self, batch, batch_idx):
        images, targets = batch
        for found, target in zip(self.model(images), targets, strict=True):
            hit = matches(found, target)
            missed = len(target["boxes"]) - int(hit.sum())
            scores = torch.cat([found["scores"], torch.zeros(missed)])
            self.average_precision.update(scores, torch.cat([hit, torch.ones(missed)]).int())
        self.log("val/average_precision", self.average_precision, batch_size=len(images))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    boxes = Boxes()
    train, val = random_split(boxes, [0.9, 0.1], torch.Generator().manual_seed(0))
    trainer = L.Trainer(
        max_epochs=8,
        log_every_n_steps=10,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/average_precision", mode="max", save_last=True)],
    )
    train = DataLoader(train, 16, shuffle=True, collate_fn=boxes.collate_fn)
    val = DataLoader(val, 60, collate_fn=boxes.collate_fn)
    trainer.fit(Detection(args.lr), train, val, ckpt_path=args.resume)


if __name__ == "__main__":
    main()
