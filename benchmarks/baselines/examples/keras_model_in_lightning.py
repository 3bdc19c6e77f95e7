import argparse

import lightning as L
import torch
import torch.nn.functional as F
from fashion import fashion
from keras_model import classifier
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger


class Classifier(L.LightningModule):
    def __init__(self, lr=1e-3, width=16, dropout=0.5):
        super().__init__()
        self.save_hyperparameters()
        self.model = classifier((1, 28, 28), 10, width, dropout)

    def step(self, batch, split):
        images, labels = batch
        outputs = self.model(images, training=self.training)
        loss = F.cross_entropy(outputs, labels)
        accuracy = (outputs.argmax(1) == labels).float().mean()
        self.log_dict({f"{split}/loss": loss, f"{split}/accuracy": accuracy})
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
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val, test = fashion(batch_size=64)
    trainer = L.Trainer(
        max_epochs=2,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/accuracy", mode="max", save_last=True)],
    )
    trainer.fit(Classifier(args.lr, dropout=args.dropout), train, val, ckpt_path=args.resume)
    trainer.test(dataloaders=test, ckpt_path="best")


if __name__ == "__main__":
    main()
