"""Bare loops over a folder of pictures: torchvision's data set and transforms, or timm's loader.

Random resized crop and flip at 224 pixels, two workers that stay, a small network. Prints the time
of a sample.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F

from benchmarks.baselines import photographs
from benchmarks.baselines.bare_loop import tune_allocator
from benchmarks.clock import microseconds_per_sample
from benchmarks.workloads import SIDE, Glance

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def with_torchvision(root: Path, batch: int, workers: int) -> Any:
    """The pipeline of torchvision's documentation, with uint8 tensors as early as possible."""
    from torchvision import datasets
    from torchvision.transforms import v2

    transform = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop(SIDE, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    return torch.utils.data.DataLoader(
        datasets.ImageFolder(str(root), transform),
        batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers=True,
        drop_last=True,
    )


def with_timm(root: Path, batch: int, workers: int) -> Any:
    """timm's training loader without colour jitter, prefetching across epochs, normalising by batches."""
    from timm.data.dataset import ImageDataset
    from timm.data.loader import create_loader

    create: Any = create_loader
    return create(
        cast(Any, ImageDataset)(str(root)),
        input_size=(3, SIDE, SIDE),
        batch_size=batch,
        is_training=True,
        color_jitter=None,
        num_workers=workers,
        use_multi_epochs_loader=True,
        device=torch.device("cpu"),
    )


LOADERS = {"torchvision": with_torchvision, "timm": with_timm}


def endless(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loader", choices=LOADERS)
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()

    tune_allocator()
    torch.manual_seed(0)
    model = Glance().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    batches = endless(LOADERS[args.loader](photographs.folder() / "train", args.batch, args.workers))
    times: list[float] = []
    while len(times) < args.updates:
        images, labels = next(batches)
        F.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter())
    print(json.dumps({"updates": len(times), "sample_us": microseconds_per_sample(times, args.batch)}))


if __name__ == "__main__":
    main()
