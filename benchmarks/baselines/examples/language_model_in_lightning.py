import argparse
import math
import pydoc_data.topics

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from language_model import Transformer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, Dataset, random_split


class Windows(Dataset):
    """Windows of the text that `help()` shows: a token is a byte."""

    def __init__(self, length):
        self.text, self.length = np.memmap(pydoc_data.topics.__file__, np.uint8, "r"), length

    def __len__(self):
        return (len(self.text) - 1) // self.length

    def __getitem__(self, index):
        start = index * self.length
        window = torch.from_numpy(self.text[start : start + self.length + 1].astype("int64"))
        return window[:-1], window[1:]


class NextByte(L.LightningModule):
    """The cross-entropy of the next byte, in bits as well."""

    def __init__(self, lr=0.003, length=128):
        super().__init__()
        self.save_hyperparameters()
        self.model = Transformer(length)

    def step(self, batch, split):
        text, following = batch
        loss = F.cross_entropy(self.model(text).flatten(0, 1), following.flatten())
        self.log_dict({f"{split}/loss": loss, f"{split}/bits_per_byte": loss / math.log(2)})
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self.step(batch, "val")

    def on_validation_epoch_end(self, prompt="The class ", temperature=0.8):
        random, text = torch.Generator().manual_seed(0), torch.tensor([list(prompt.encode())])
        for _ in range(self.hparams.length - text.shape[1]):
            scores = self.model(text.to(self.device))[0, -1].cpu() / temperature
            text = torch.cat([text, torch.multinomial(scores.softmax(0), 1, generator=random)[None]], dim=1)
        written = bytes(text[0].tolist()).decode(errors="replace")
        self.logger.experiment.add_text("written", f"```\n{written}\n```", self.global_step)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)
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
    train, val = random_split(Windows(128), [0.9, 0.1], torch.Generator().manual_seed(0))
    trainer = L.Trainer(
        max_epochs=2,
        gradient_clip_val=1.0,
        logger=TensorBoardLogger("logs"),
        callbacks=[LearningRateMonitor(), ModelCheckpoint(monitor="val/bits_per_byte", save_last=True)],
    )
    loaders = DataLoader(train, 16, shuffle=True), DataLoader(val, 128)
    trainer.fit(NextByte(args.lr), *loaders, ckpt_path=args.resume)


if __name__ == "__main__":
    main()
