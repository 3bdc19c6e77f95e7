"""Lightning trains the table, with a logged loss. Prints the median time of an update as JSON."""

from __future__ import annotations

import argparse
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks import workloads
from benchmarks.clock import Updates


class Classifier(L.LightningModule):
    """Cross-entropy and Adam."""

    def __init__(self) -> None:
        super().__init__()
        self.net = workloads.tabular_model()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)


class Clock(L.Callback):
    """Notes when each update ended."""

    def __init__(self) -> None:
        self.updates = Updates()

    def on_train_batch_end(self, *_: Any) -> None:
        self.updates.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    args = parser.parse_args()

    clock = Clock()
    trainer = L.Trainer(
        max_steps=args.updates,
        accelerator="cpu",
        logger=TensorBoardLogger("logs"),
        callbacks=[clock],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), DataLoader(workloads.table(), args.batch, shuffle=True, drop_last=True))
    clock.updates.print()


if __name__ == "__main__":
    main()
