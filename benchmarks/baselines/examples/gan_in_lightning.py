import argparse

import lightning as L
import torch
import torch.nn.functional as F
import torchmetrics
from fashion import fashion
from gan import GAN
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torchvision.utils import make_grid


class Moments(torchmetrics.Metric):
    """How far the moments of pixels are from those of images: a small relative of FID."""

    def __init__(self, pixels=28 * 28):
        super().__init__()
        for name in ("first", "second"):
            self.add_state(name, torch.zeros(pixels), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, real, fake):
        self.first += (real - fake).sum(0)
        self.second += (real**2 - fake**2).sum(0)
        self.count += len(real)

    def compute(self):
        return (torch.stack([self.first, self.second]) / self.count).square().mean()


class Adversarial(L.LightningModule):
    """The critic learns from a batch, then the generator from the critic."""

    def __init__(self, lr=2e-4, critic_lr=2e-4):
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.model = GAN(28 * 28)
        self.train_moments, self.val_moments, self.test_moments = Moments(), Moments(), Moments()

    def training_step(self, batch, batch_idx):
        generator, critic = self.optimizers()
        real = batch[0].flatten(1)
        fake = self.model.draw(len(real))
        true, false = self.model.critic(real), self.model.critic(fake.detach())
        told_apart = ((true > 0).float().mean() + (false < 0).float().mean()) / 2
        critic_loss = F.softplus(-true).mean() + F.softplus(false).mean()
        self.toggle_optimizer(critic)
        critic.zero_grad()
        self.manual_backward(critic_loss)
        critic.step()
        self.untoggle_optimizer(critic)
        self.toggle_optimizer(generator)
        generator_loss = F.softplus(-self.model.critic(fake)).mean()
        generator.zero_grad()
        self.manual_backward(generator_loss)
        generator.step()
        self.untoggle_optimizer(generator)
        self.train_moments(real, fake.detach())
        self.log_dict({"train/critic_loss": critic_loss, "train/generator_loss": generator_loss})
        self.log("train/told_apart", told_apart)
        self.log("train/moments", self.train_moments, on_step=False, on_epoch=True)

    def evaluate(self, batch, split, moments):
        real = batch[0].flatten(1)
        fake = self.model.draw(len(real))
        moments(real, fake)
        self.log(f"{split}/loss", F.softplus(-self.model.critic(fake)).mean())
        self.log(f"{split}/moments", moments)

    def validation_step(self, batch, batch_idx):
        self.evaluate(batch, "val", self.val_moments)

    def test_step(self, batch, batch_idx):
        self.evaluate(batch, "test", self.test_moments)

    def on_validation_epoch_end(self):
        drawings = self.model.draw(32, torch.Generator().manual_seed(0)).view(-1, 1, 28, 28)
        self.logger.experiment.add_image("drawings", make_grid(drawings, normalize=True), self.global_step)

    def configure_optimizers(self):
        generator, critic = self.model.generator.parameters(), self.model.critic.parameters()
        return [
            torch.optim.Adam(generator, lr=self.hparams.lr, betas=(0.5, 0.999)),
            torch.optim.Adam(critic, lr=self.hparams.critic_lr, betas=(0.5, 0.999)),
        ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--critic-lr", type=float, default=2e-4)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val, test = fashion(batch_size=128)
    trainer = L.Trainer(
        max_epochs=20,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/moments", save_last=True)],
    )
    trainer.fit(Adversarial(args.lr, args.critic_lr), train, val, ckpt_path=args.resume)
    trainer.test(dataloaders=test, ckpt_path="best")


if __name__ == "__main__":
    main()
