import argparse
import math

import lightning as L
import torch
from heat import Points, Rod, derivative
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, random_split


class HeatEquation(L.LightningModule):
    """The residual of the equation, and the distance from the temperature at the beginning."""

    def __init__(self, lr=0.01, conductivity=0.1, start_weight=10.0):
        super().__init__()
        self.save_hyperparameters()
        self.model = Rod()

    def step(self, batch, split):
        conductivity = self.hparams.conductivity
        points = batch.clone().requires_grad_()
        x, t = points.detach().unbind(1)
        temperature = self.model(points)
        u_x, u_t = derivative(temperature, points).unbind(1)
        u_xx = derivative(u_x, points)[:, 0]
        residual = (u_t - conductivity * u_xx).square().mean()
        beginning = torch.stack([x, torch.zeros_like(x)], dim=1)
        start = (self.model(beginning) - torch.sin(math.pi * x)).square().mean()
        exact = torch.exp(-conductivity * math.pi**2 * t) * torch.sin(math.pi * x)
        error = (temperature - exact).abs().mean()
        loss = residual + self.hparams.start_weight * start
        values = {"loss": loss, "residual": residual, "start": start, "error": error}
        self.log_dict({f"{split}/{name}": value for name, value in values.items()})
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")

    def validation_step(self, batch, batch_idx):
        with torch.enable_grad():
            self.step(batch, "val")

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        schedule = CosineAnnealingLR(optimizer, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--start-weight", type=float, default=10.0)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val = random_split(Points(), [0.9, 0.1], torch.Generator().manual_seed(0))
    trainer = L.Trainer(
        max_epochs=20,
        inference_mode=False,
        logger=TensorBoardLogger("logs"),
        callbacks=[LearningRateMonitor(), ModelCheckpoint(monitor="val/error", save_last=True)],
    )
    module = HeatEquation(args.lr, start_weight=args.start_weight)
    trainer.fit(module, DataLoader(train, 100, shuffle=True), DataLoader(val, 1000), ckpt_path=args.resume)


if __name__ == "__main__":
    main()
