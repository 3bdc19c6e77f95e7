"""The bare loop, tuned by hand: the data one tensor, fused Adam, channels_last, a tuned allocator.

What a PyTorch expert writes who wants nothing but speed: no validation, no logging, no record. Prints the
median time of an update as JSON.
"""

from __future__ import annotations

import argparse
import ctypes
import platform
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import datasets

from benchmarks.baselines import fashion
from benchmarks.clock import Updates


def tune_allocator() -> None:
    """Let glibc keep freed memory instead of faulting its pages in again at every update."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def cnn() -> nn.Module:
    # Pooling before ReLU gives the same numbers and leaves ReLU a quarter of the work.
    return nn.Sequential(
        *(nn.Conv2d(1, 32, kernel_size=3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(32, 64, kernel_size=3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def mlp() -> nn.Module:
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU()),
        *(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def training_set() -> tuple[Tensor, Tensor]:
    """All images, normalised once, and their classes."""
    data = datasets.FashionMNIST(fashion.root())
    images = data.data.unsqueeze(1).float().div_(255).sub_(0.2860).div_(0.3530)
    return images, data.targets


def arithmetic(precision: str) -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()


def train(model: nn.Module, batch: int, count: int, precision: str) -> Updates:
    """Make so many updates."""
    images, labels = training_set()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    updates = Updates()
    while True:
        for chosen in torch.randperm(len(images)).split(batch):  # type: ignore[no-untyped-call]
            with arithmetic(precision):
                logits = model(images.index_select(0, chosen))  # quicker than images[chosen]
                loss = F.cross_entropy(logits, labels.index_select(0, chosen))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            updates.end()
            if len(updates.times) == count:
                return updates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["cnn", "mlp"], default="cnn")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    args = parser.parse_args()

    tune_allocator()
    torch.manual_seed(0)
    model = (cnn() if args.model == "cnn" else mlp()).to(memory_format=torch.channels_last)
    train(model, args.batch, args.updates, args.precision).print()


if __name__ == "__main__":
    main()
