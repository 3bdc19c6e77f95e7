import argparse
from collections import defaultdict

import lightning as L
import timm
import torch
import torch.nn.functional as F
from fashion import fashion
from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR


class Classifier(L.LightningModule):
    def __init__(self, lr=3e-3, backbone_scale=0.1, weight_decay=0.05):
        super().__init__()
        self.save_hyperparameters()
        self.model = timm.create_model("test_resnet", pretrained=False, in_chans=1, num_classes=10)

    def step(self, batch, split):
        images, labels = batch
        outputs = self.model(images)
        loss = F.cross_entropy(outputs, labels, label_smoothing=0.1)
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
        parameters = defaultdict(list)
        for name, parameter in self.model.named_parameters():
            backbone = name.startswith(("conv1", "bn1", "layer"))
            parameters[backbone, parameter.ndim > 1].append(parameter)
        groups = [
            {
                "params": members,
                "lr": self.hparams.lr * (self.hparams.backbone_scale if backbone else 1),
                "weight_decay": self.hparams.weight_decay if decays else 0,
                "name": f"{'backbone' if backbone else 'head'}{'' if decays else '_no_decay'}",
            }
            for (backbone, decays), members in parameters.items()
        ]
        optimizer = torch.optim.AdamW(groups)
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
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--backbone-scale", type=float, default=0.1)
    parser.add_argument("--resume")
    args = parser.parse_args()
    L.seed_everything(0)
    train, val, test = fashion(batch_size=64)
    trainer = L.Trainer(
        max_epochs=3,
        logger=TensorBoardLogger("logs"),
        callbacks=[
            EMAWeightAveraging(),
            LearningRateMonitor(),
            ModelCheckpoint(monitor="val/accuracy", mode="max", save_last=True),
        ],
    )
    trainer.fit(Classifier(args.lr, args.backbone_scale), train, val, ckpt_path=args.resume)
    trainer.test(dataloaders=test, ckpt_path="best")


if __name__ == "__main__":
    main()
