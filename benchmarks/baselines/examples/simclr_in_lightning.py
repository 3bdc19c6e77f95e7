import argparse

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from simclr import VIEW, SimCLR
from torch.utils.data import DataLoader, Subset, random_split
from torchvision.datasets import FashionMNIST
from torchvision.transforms.v2.functional import pil_to_tensor


def views(image):
    """Return two random views of a picture."""
    image = pil_to_tensor(image)
    return VIEW(image), VIEW(image)


class Contrast(L.LightningModule):
    """NT-Xent between the views of a batch; a probe that is trained along says what the encoder is worth."""

    def __init__(self, lr=2e-3, temperature=0.2, width=16):
        super().__init__()
        self.save_hyperparameters()
        self.model = SimCLR(width)

    def step(self, batch, split):
        (first, second), label = batch
        projected, logits = self.model(torch.cat([first, second]))
        contrast = self.nt_xent(projected)
        probe = F.cross_entropy(logits, label.repeat(2))
        accuracy = (logits.argmax(1) == label.repeat(2)).float().mean()
        values = {"loss": contrast + probe, "contrast": contrast, "probe_loss": probe}
        values["probe_accuracy"] = accuracy
        self.log_dict({f"{split}/{name}": value for name, value in values.items()}, batch_size=len(label))
        return values["loss"]

    def nt_xent(self, projected):
        """Return how badly each view finds the other one of its image among all others."""
        unit = F.normalize(projected)
        similar = (unit @ unit.T / self.hparams.temperature).fill_diagonal_(-torch.inf)
        partners = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
        return F.cross_entropy(similar, partners)

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self.step(batch, "val")

    def test_step(self, batch, batch_idx):
        self.step(batch, "test")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--temperature", type=float, default=0.2)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    images = Subset(FashionMNIST("data", True, views, download=True), range(4000))
    test = Subset(FashionMNIST("data", False, views, download=True), range(1000))
    train, val = random_split(images, [0.9, 0.1], torch.Generator().manual_seed(0))
    trainer = L.Trainer(
        max_epochs=5,
        log_every_n_steps=10,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/probe_accuracy", mode="max", save_last=True)],
    )
    loaders = DataLoader(train, 128, shuffle=True), DataLoader(val, 128)
    trainer.fit(Contrast(args.lr, args.temperature), *loaders, ckpt_path=args.resume)
    trainer.test(dataloaders=DataLoader(test, 128), ckpt_path="best")


if __name__ == "__main__":
    main()
