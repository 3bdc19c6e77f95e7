"""A training function of a user's own, with YAML of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Command

SCRIPT = """
import sweepboard
import torch


@sweepboard.main(config_path="conf", config_name="config", version_base=None)
def main(cfg, run):
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.optimizer.lr)
    start, state = 0, run.resumed
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"] + 1
    for step in range(start, cfg.steps):
        if cfg.stop_at == step and state is None:
            stop()
        inputs = torch.randn(16, 4)
        loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"train/loss": loss, "val/loss": 2 * loss}, step)
        print("made step", step)
        if run.should_stop or step == cfg.steps - 1:
            saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            run.save(saved, step)
        if run.should_stop:
            return


def stop():
    import os, signal
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
"""

YAML = {
    "config.yaml": "defaults: [optimizer: slow, _self_]\n"
    "seed: 1\nsteps: 6\nstop_at: -1\nlogging: {own: group}\n",
    "optimizer/slow.yaml": "lr: 0.01\n",
    "optimizer/fast.yaml": "lr: 0.1\n",
}


@pytest.fixture
def folder(command: Command, tmp_path: Path) -> Path:
    """The folder in which `command` works, with the program in it."""
    place = tmp_path / "work"
    write_program(place)
    return place


def write_program(place: Path, script: str = SCRIPT) -> None:
    """Write train.py and conf/ into `place`."""
    (place / "train.py").write_text(script)
    for name, text in YAML.items():
        (place / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "conf" / name).write_text(text)
