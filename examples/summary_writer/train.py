"""A line through noisy points, as a tutorial has it: with a `SummaryWriter` of its own."""

import torch
from omegaconf import DictConfig
from torch import nn
from torch.utils.tensorboard import SummaryWriter

import sweepboard


@sweepboard.main(config_path="conf", config_name="config")
def main(cfg: DictConfig, run: sweepboard.Run) -> None:
    writer = SummaryWriter(run.folder)
    inputs = torch.linspace(-5, 5, 100).view(-1, 1)
    targets = -5 * inputs + torch.randn(inputs.shape)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr / 10)
    start = 0
    if state := run.resumed:
        model.load_state_dict(state["model"])
        start = state["epoch"] + 1

    for epoch in range(start, cfg.epochs):
        loss = nn.functional.mse_loss(model(inputs), targets)
        writer.add_scalar("Loss/train", loss, epoch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if run.should_stop or epoch == cfg.epochs - 1:
            run.save({"model": model.state_dict(), "epoch": epoch}, epoch)
            break
    writer.close()


if __name__ == "__main__":
    main()
