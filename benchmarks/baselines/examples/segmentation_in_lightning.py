import argparse

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from segmentation import UNet
from shapes import Shapes
from torch.utils.data import DataLoader, random_split
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex
from torchvision.utils import make_grid


class Segmentation(L.LightningModule):
    """Cross-entropy of each pixel; accuracy of pixels and mean IoU of classes."""

    def __init__(self, lr=0.01, classes=4):
        super().__init__()
        self.save_hyperparameters()
        self.model = UNet(classes)
        self.train_iou, self.val_iou = MulticlassJaccardIndex(classes), MulticlassJaccardIndex(classes)
        self.train_accuracy = MulticlassAccuracy(classes, average="micro")
        self.val_accuracy = MulticlassAccuracy(classes, average="micro")

    def training_step(self, batch, batch_idx):
        images, masks = batch
        outputs = self.model(images)
        loss = F.cross_entropy(outputs, masks)
        self.train_iou(outputs, masks)
        self.train_accuracy(outputs, masks)
        self.log("train/loss", loss)
        self.log("train/iou", self.train_iou, on_step=False, on_epoch=True)
        self.log("train/accuracy", self.train_accuracy, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        images, masks = batch
        outputs = self.model(images)
        self.val_iou(outputs, masks)
        self.val_accuracy(outputs, masks)
        self.log("val/loss", F.cross_entropy(outputs, masks))
        self.log("val/iou", self.val_iou)
        self.log("val/accuracy", self.val_accuracy)
        if batch_idx == 0:
            maps = torch.cat([masks[:6], outputs[:6].argmax(1)])[:, None].expand(-1, 3, -1, -1)
            pictures = make_grid(torch.cat([images[:6], maps / 3]), nrow=6)
            self.logger.experiment.add_image("val/predictions", pictures, self.global_step)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val = random_split(Shapes(), [0.9, 0.1], torch.Generator().manual_seed(0))
    trainer = L.Trainer(
        max_epochs=8,
        log_every_n_steps=5,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/iou", mode="max", save_last=True)],
    )
    loaders = DataLoader(train, 32, shuffle=True), DataLoader(val, 64)
    trainer.fit(Segmentation(args.lr), *loaders, ckpt_path=args.resume)


if __name__ == "__main__":
    main()
