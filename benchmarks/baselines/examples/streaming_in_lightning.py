import argparse

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from stream import Readings
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader
from torchmetrics import MeanAbsoluteError, R2Score


class Forecast(L.LightningModule):
    def __init__(self, lr=1e-3, past=32, future=8):
        super().__init__()
        self.save_hyperparameters()
        self.model = nn.Sequential(
            nn.Linear(past, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, future)
        )
        self.r2, self.mae = R2Score(), MeanAbsoluteError()

    def training_step(self, batch, batch_idx):
        past, future = batch
        loss = F.mse_loss(self.model(past), future)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        past, future = batch
        forecast = self.model(past)
        self.r2(forecast, future)
        self.mae(forecast.flatten(), future.flatten())
        self.log_dict({"val/loss": F.mse_loss(forecast, future), "val/r2": self.r2, "val/mae": self.mae})

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        schedule = CosineAnnealingLR(optimizer, self.trainer.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--past", type=int, default=32)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0, workers=True)
    trainer = L.Trainer(
        max_steps=600,
        val_check_interval=150,
        check_val_every_n_epoch=None,
        logger=TensorBoardLogger("logs"),
        callbacks=[LearningRateMonitor(), ModelCheckpoint(monitor="val/loss", save_last=True)],
    )
    train = DataLoader(Readings(args.past), 64, num_workers=2)
    val = DataLoader(Readings(args.past, length=1000), 1000)
    trainer.fit(Forecast(args.lr, args.past), train, val, ckpt_path=args.resume)


if __name__ == "__main__":
    main()
