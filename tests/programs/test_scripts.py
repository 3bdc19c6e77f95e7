"""Scripts in the form of other tools' documentation run with at most three lines changed."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

import pytest

import sweepboard
from sweepboard.board.event_reader import read_hparams
from sweepboard.board.scalar_reader import read_scalars
from tests.command import Command, change_record, record_of

HYDRA = """
import logging

import hydra
import torch
from omegaconf import DictConfig, OmegaConf

log = logging.getLogger(__name__)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def app(cfg: DictConfig) -> float:
    log.info(OmegaConf.to_yaml(cfg))
    torch.manual_seed(cfg.seed)
    weight = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=cfg.optimizer.lr)
    for epoch in range(cfg.epochs):
        optimizer.zero_grad()
        loss = (weight - 1).square().sum()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    app()
"""
HYDRA_CHANGES = {"import hydra": "import sweepboard", "@hydra.main": "@sweepboard.main"}

TUTORIAL = """
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter


def main():
    torch.manual_seed(0)
    writer = SummaryWriter()
    x = torch.arange(-5, 5, 0.1).view(-1, 1)
    y = -5 * x + 0.1 * torch.randn(x.size())
    model = nn.Linear(1, 1)
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(20):
        loss = criterion(model(x), y)
        writer.add_scalar("Loss/train", loss, epoch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    writer.add_hparams({"lr": 0.1}, {"loss": loss.item()}, run_name=".")
    writer.flush()
    writer.close()


if __name__ == "__main__":
    main()
"""
TUTORIAL_CHANGES = {"def main()": "def main(cfg)", "lr=0.1)": "lr=cfg.lr)"}

AT_THE_TOP = """
import torch
from torch.utils.tensorboard import SummaryWriter

writer = SummaryWriter()

x = torch.arange(-5, 5, 0.1).view(-1, 1)
y = -5 * x + 0.1 * torch.randn(x.size())
model = torch.nn.Linear(1, 1)
criterion = torch.nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train_model(iter):
    for epoch in range(iter):
        loss = criterion(model(x), y)
        writer.add_scalar("Loss/train", loss, epoch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


train_model(20)
writer.flush()
writer.close()
"""
AT_THE_TOP_CHANGES = {
    "import torch\nfrom": "import torch, sweepboard\nfrom",
    "writer = SummaryWriter()\n": "cfg, run = sweepboard.script()\nwriter = SummaryWriter()\n",
    "lr=0.1)": "lr=cfg.lr)",
}

LIGHTNING = """
import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Line(L.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.mse_loss(self.layer(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", nn.functional.mse_loss(self.layer(x), y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def main():
    L.seed_everything(0)
    x = torch.linspace(-1, 1, 64).view(-1, 1)
    data = TensorDataset(x, 3 * x)
    logger = TensorBoardLogger("logs")
    trainer = L.Trainer(max_epochs=2, accelerator="cpu", logger=logger, log_every_n_steps=1)
    trainer.fit(Line(lr=0.1), DataLoader(data, 16, shuffle=True), DataLoader(data, 16))


if __name__ == "__main__":
    main()
"""
LIGHTNING_CHANGES = {
    "def main()": "def main(cfg, run)",
    'TensorBoardLogger("logs")': 'TensorBoardLogger(run.folder, name="", version="")',
    "Line(lr=0.1)": "Line(lr=cfg.lr)",
}


def changed(script: str, changes: dict[str, str]) -> str:
    """The script with its changes, which are in at most three lines."""
    new = script
    for then, now in changes.items():
        assert then in new
        new = new.replace(then, now)
    lines = difflib.ndiff(script.splitlines(), new.splitlines())
    assert sum(line.startswith("+ ") for line in lines) <= 3
    return new


def check(command: Command, name: str, tag: str, steps: list[int]) -> None:
    """It runs, is resumed from its beginning, sweeps into two rows that are compared, and repeats."""
    train = f"program._target_={name}.main"
    command(train, "+lr=0.1", "hydra.run.dir=run")
    first = record_of(Path("run"))
    change_record(Path("run"), status="interrupted", ended=None)
    assert "starting from the beginning" in command("resume", "run").err
    assert read_scalars(Path("run"))[tag].steps.tolist() == steps
    assert record_of(Path("run"))["metrics"] == first["metrics"]
    command(train, "-m", "+lr=0.1,0.01", "sweep.name=s")
    runs = sweepboard.load_runs("outputs/sweeps/s")
    rows = [row for run in runs if (row := read_hparams(run.path))]
    assert sorted(row.hparams["lr"] for row in rows) == [0.01, 0.1]
    assert all(row.hparams.keys() == {"lr"} for row in rows)
    assert tag in command("compare", "outputs/sweeps/s").out
    command("doctor", ".")
    command("verify", "run")


@pytest.mark.slow
def test_a_tutorial_script_with_a_summary_writer(command: Command) -> None:
    Path("tutorial.py").write_text(changed(TUTORIAL, TUTORIAL_CHANGES))
    check(command, "tutorial", "Loss/train", list(range(20)))


def python(folder: Path, *words: str, code: int = 0) -> str:
    """What `python` says in a folder; its standard error if it fails."""
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.mark.slow
def test_a_tutorial_script_without_a_function(command: Command, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "tutorial.py").write_text(changed(AT_THE_TOP, AT_THE_TOP_CHANGES))
    python(work, "tutorial.py", "+lr=0.1", "hydra.run.dir=run")
    assert read_scalars(work / "run")["Loss/train"].steps.tolist() == list(range(20))
    assert not (work / "runs").exists()
    first = record_of(work / "run")
    change_record(work / "run", status="interrupted", ended=None)
    assert "starting from the beginning" in command("resume", "run").err
    assert record_of(work / "run")["metrics"] == first["metrics"]
    python(work, "tutorial.py", "-m", "+lr=0.1,0.01", "sweep.name=s")
    rows = [read_hparams(run.path) for run in sweepboard.load_runs("outputs/sweeps/s")]
    assert sorted(row.hparams["lr"] for row in rows if row) == [0.01, 0.1]
    assert "Loss/train" in command("compare", "outputs/sweeps/s").out
    command("rerun", "run", "lr=0.01", "hydra.run.dir=other")
    command("verify", "run")
    command("doctor", ".")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_lightning_script(command: Command) -> None:
    pytest.importorskip("lightning")
    Path("script.py").write_text(changed(LIGHTNING, LIGHTNING_CHANGES))
    check(command, "script", "train_loss", list(range(8)))


@pytest.mark.slow
def test_a_hydra_program(command: Command, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "app.py").write_text(changed(HYDRA, HYDRA_CHANGES))
    (work / "conf" / "optimizer").mkdir(parents=True)
    (work / "conf" / "config.yaml").write_text("defaults: [optimizer: sgd]\nseed: 1\nepochs: 3\n")
    (work / "conf" / "optimizer" / "sgd.yaml").write_text("lr: 0.1\n")

    def app(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "app.py", *words], cwd=work, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = app("hydra.run.dir=run")
    assert "[app][INFO] - " in said or "[__main__][INFO] - " in said
    assert "optimizer:\n  lr: 0.1" in (work / "run" / "train.log").read_text()
    assert record_of(work / "run")["metrics"].keys() == {"objective"}
    assert "lr: 0.1" in app("--cfg", "job")
    assert "== Config ==" in app("--help")
    app("-m", "optimizer.lr=0.1,0.01", "seed=1,2", "sweep.name=s")
    assert "optimizer.lr" in command("compare", "outputs/sweeps/s").out
    change_record(work / "run", status="interrupted")
    command("resume", "run")
    command("verify", "run")
    command("resume", "outputs/sweeps/s", "optimizer.lr=0.2")
    assert len(sweepboard.load_runs("outputs/sweeps/s")) > 4
