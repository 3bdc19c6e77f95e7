import argparse

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from tabular import tumours
from torch import nn
from torch.utils.data import DataLoader
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC


class Diagnosis(L.LightningModule):
    """Classification that is judged by the area under the ROC curve."""

    def __init__(self, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
        self.train_auroc, self.val_auroc = BinaryAUROC(), BinaryAUROC()
        self.train_accuracy, self.val_accuracy = BinaryAccuracy(), BinaryAccuracy()

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self.model(inputs)
        loss = F.cross_entropy(outputs, targets)
        self.train_auroc(outputs.softmax(1)[:, 1], targets)
        self.train_accuracy(outputs.argmax(1), targets)
        self.log("train/loss", loss)
        self.log("train/auroc", self.train_auroc, on_step=False, on_epoch=True)
        self.log("train/accuracy", self.train_accuracy, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self.model(inputs)
        self.val_auroc(outputs.softmax(1)[:, 1], targets)
        self.val_accuracy(outputs.argmax(1), targets)
        self.log("val/loss", F.cross_entropy(outputs, targets))
        self.log("val/auroc", self.val_auroc)
        self.log("val/accuracy", self.val_accuracy)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    trainer = L.Trainer(
        max_epochs=20,
        log_every_n_steps=15,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/auroc", mode="max", save_last=True)],
    )
    train = DataLoader(tumours("train", args.fold), 32, shuffle=True)
    val = DataLoader(tumours("val", args.fold), 1000)
    trainer.fit(Diagnosis(args.lr), train, val, ckpt_path=args.resume)


if __name__ == "__main__":
    main()
