import argparse

import lightning as L
import torch
import torch.nn.functional as F
from fashion import fashion
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn


class Classifier(L.LightningModule):
    """A small model learns from a larger one, if there is one."""

    def __init__(self, hidden, lr=1e-3, teacher=None, temperature=4.0, share=0.9):
        super().__init__()
        self.save_hyperparameters()
        layers = [nn.Flatten()]
        for inputs, outputs in zip([28 * 28, *hidden], hidden, strict=False):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Linear(hidden[-1], 10))

    def setup(self, stage):
        if self.hparams.teacher:
            self.teacher = [
                Classifier.load_from_checkpoint(self.hparams.teacher).eval()
            ]  # a list: not trained

    def step(self, batch, split):
        images, labels = batch
        outputs = self.model(images)
        loss = hard_loss = F.cross_entropy(outputs, labels)
        values = {"accuracy": (outputs.argmax(1) == labels).float().mean()}
        if self.hparams.teacher:
            temperature, share = self.hparams.temperature, self.hparams.share
            with torch.no_grad():
                wanted = F.log_softmax(self.teacher[0].model(images) / temperature, dim=1)
            said = F.log_softmax(outputs / temperature, dim=1)
            distance = F.kl_div(said, wanted, log_target=True, reduction="batchmean") * temperature**2
            loss = share * distance + (1 - share) * hard_loss
            values |= {"distance": distance, "hard_loss": hard_loss}
        values["loss"] = loss
        self.log_dict({f"{split}/{name}": value for name, value in values.items()})
        return loss

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
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 256])
    parser.add_argument("--teacher")
    parser.add_argument("--share", type=float, default=0.9)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val, test = fashion(batch_size=64)
    trainer = L.Trainer(
        max_epochs=4,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/accuracy", mode="max", save_last=True)],
    )
    module = Classifier(args.hidden, args.lr, args.teacher, share=args.share)
    trainer.fit(module, train, val, ckpt_path=args.resume)
    trainer.test(dataloaders=test, ckpt_path="best")


if __name__ == "__main__":
    main()
