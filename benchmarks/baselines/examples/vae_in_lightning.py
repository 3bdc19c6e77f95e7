import argparse

import lightning as L
import torch
import torch.nn.functional as F
from fashion import fashion
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torchvision.utils import make_grid
from vae import VAE


class Elbo(L.LightningModule):
    """The evidence lower bound: how well an image is rebuilt, and how far its code is from a normal one."""

    def __init__(self, lr=1e-3, latent=16, beta=1.0):
        super().__init__()
        self.save_hyperparameters()
        self.model = VAE(28 * 28, latent=latent)

    def step(self, batch, split):
        images, _ = batch
        rebuilt, mean, log_variance = self.model(images)
        reconstruction = F.mse_loss(rebuilt, images, reduction="sum") / (2 * len(images))
        kl = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / (2 * len(images))
        loss = reconstruction + self.hparams.beta * kl
        values = {"loss": loss, "reconstruction": reconstruction, "kl": kl}
        self.log_dict({f"{split}/{name}": value for name, value in values.items()})
        return loss, images, rebuilt

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")[0]

    def validation_step(self, batch, batch_idx):
        _, images, rebuilt = self.step(batch, "val")
        if batch_idx == 0:
            pictures = make_grid(torch.cat([images[:8], rebuilt[:8]]), normalize=True)
            self.logger.experiment.add_image("val/predictions", pictures, self.global_step)

    def test_step(self, batch, batch_idx):
        self.step(batch, "test")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--beta", type=float, default=1.0)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val, test = fashion(batch_size=64)
    trainer = L.Trainer(
        max_epochs=5,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/loss", save_last=True)],
    )
    trainer.fit(Elbo(args.lr, beta=args.beta), train, val, ckpt_path=args.resume)
    trainer.test(dataloaders=test, ckpt_path="best")


if __name__ == "__main__":
    main()
