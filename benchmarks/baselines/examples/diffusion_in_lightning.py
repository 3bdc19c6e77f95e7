import argparse
from itertools import pairwise

import lightning as L
import torch
import torch.nn.functional as F
from diffusion import Denoiser, shares, small
from fashion import fashion
from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torchvision.utils import make_grid


class Denoising(L.LightningModule):
    """The squared error of the noise that the model predicts."""

    def __init__(self, lr=0.003, width=32):
        super().__init__()
        self.save_hyperparameters()
        self.model = Denoiser(width)

    def step(self, batch, split):
        images = small(batch[0])
        t, noise = torch.rand(len(images), device=self.device), torch.randn_like(images)
        of_image, of_noise = shares(t)
        loss = F.mse_loss(self.model(of_image * images + of_noise * noise, t), noise)
        self.log(f"{split}/loss", loss)
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")

    def validation_step(self, batch, batch_idx):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.step(batch, "val")

    def test_step(self, batch, batch_idx):
        torch.manual_seed(0)
        self.step(batch, "test")

    def on_validation_epoch_end(self, count=16, steps=50):
        images = torch.randn(count, 1, 14, 14, generator=torch.Generator().manual_seed(0)).to(self.device)
        for now, after in pairwise(torch.linspace(0.98, 0, steps + 1, device=self.device)):
            noise = self.model(images, now.expand(count))
            (of_image, of_noise), (next_image, next_noise) = shares(now[None]), shares(after[None])
            images = next_image * (images - of_noise * noise) / of_image + next_noise * noise
        grid = make_grid(F.interpolate(images, scale_factor=3), nrow=8, normalize=True, scale_each=True)
        self.logger.experiment.add_image("samples", grid, self.global_step)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        steps = self.trainer.estimated_stepping_batches
        warmup = max(1, steps // 20)
        parts = [
            LinearLR(optimizer, 1 / warmup, total_iters=warmup),
            CosineAnnealingLR(optimizer, steps - warmup),
        ]
        schedule = SequentialLR(optimizer, parts, [warmup])
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val, test = fashion(batch_size=128)
    trainer = L.Trainer(
        max_epochs=8,
        check_val_every_n_epoch=2,
        logger=TensorBoardLogger("logs"),
        callbacks=[
            EMAWeightAveraging(decay=0.99),
            LearningRateMonitor(),
            ModelCheckpoint(monitor="val/loss", save_last=True),
        ],
    )
    trainer.fit(Denoising(args.lr), train, val, ckpt_path=args.resume)
    trainer.test(dataloaders=test, ckpt_path="best")


if __name__ == "__main__":
    main()
