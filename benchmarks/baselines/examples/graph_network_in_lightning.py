import argparse

import lightning as L
import torch
import torch.nn.functional as F
from graphs import GraphNetwork, Graphs
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader, random_split


class KindOfGraph(L.LightningModule):
    def __init__(self, lr=3e-3, depth=4, width=32):
        super().__init__()
        self.save_hyperparameters()
        self.model = GraphNetwork(width, depth)

    def step(self, batch, split):
        kind = batch["kind"]
        logits = self.model(batch["edges"], batch["graph_of"], len(kind))
        loss = F.cross_entropy(logits, kind)
        accuracy = (logits.argmax(1) == kind).float().mean()
        self.log_dict({f"{split}/loss": loss, f"{split}/accuracy": accuracy}, batch_size=len(kind))
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
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    graphs, test = Graphs(600), Graphs(150, seed=1)
    train, val = random_split(graphs, [0.9, 0.1], torch.Generator().manual_seed(0))
    trainer = L.Trainer(
        max_epochs=10,
        log_every_n_steps=10,
        logger=TensorBoardLogger("logs"),
        callbacks=[ModelCheckpoint(monitor="val/accuracy", mode="max", save_last=True)],
    )
    train = DataLoader(train, 32, shuffle=True, collate_fn=graphs.collate_fn)
    val, test = (DataLoader(each, 1000, collate_fn=graphs.collate_fn) for each in (val, test))
    trainer.fit(KindOfGraph(args.lr, args.depth), train, val, ckpt_path=args.resume)
    trainer.test(dataloaders=test, ckpt_path="best")


if __name__ == "__main__":
    main()
