import argparse
import signal
import threading
from pathlib import Path

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--resume")
    args = parser.parse_args()
    torch.manual_seed(0)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    writer = SummaryWriter()
    inputs = torch.linspace(-5, 5, 100).view(-1, 1)
    targets = -5 * inputs + torch.randn(inputs.shape)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr / 10)
    start = 0
    if args.resume:
        state = torch.load(args.resume)
        model.load_state_dict(state["model"])
        start = state["epoch"] + 1

    for epoch in range(start, args.epochs):
        loss = nn.functional.mse_loss(model(inputs), targets)
        writer.add_scalar("Loss/train", loss, epoch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if stopped.is_set() or epoch == args.epochs - 1:
            torch.save({"model": model.state_dict(), "epoch": epoch}, Path(writer.log_dir) / "last.pt")
            break
    writer.add_hparams({"lr": args.lr}, {"hparam/loss": loss.item()}, run_name=".")
    writer.close()


if __name__ == "__main__":
    main()
