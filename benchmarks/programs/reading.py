"""Read every point of many runs, exactly: sweepboard's reader or TensorBoard's EventAccumulator.

The runs are written once by torch's SummaryWriter, which knows nothing of either reader.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import zlib
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.baselines.fashion import cache

Curves: TypeAlias = "dict[str, tuple[np.ndarray, np.ndarray]]"
"""Steps and values of each tag."""

TAGS = ("train/loss", "train/accuracy", "lr", "epoch")


def folder_of_runs(runs: int = 100, points: int = 10_000) -> Path:
    """Runs of `points` scalars each in the cache; written at the first call, which takes a minute."""
    folder = cache() / f"events-{runs}-{points}"
    if not folder.exists():
        scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
        for run in range(runs):
            _write_run(scratch / f"run{run:03d}", points, seed=run)
        scratch.rename(folder)
    return folder


def _write_run(folder: Path, points: int, seed: int) -> None:
    from torch.utils.tensorboard import SummaryWriter

    walks = np.random.default_rng(seed).normal(size=(len(TAGS), points // len(TAGS))).cumsum(axis=1)
    with SummaryWriter(str(folder)) as writer:
        for step in range(walks.shape[1]):
            for tag, walk in zip(TAGS, walks, strict=True):
                writer.add_scalar(tag, walk[step], step)


def read_with_tensorboard(run: Path) -> Curves:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    curves = {tag: board.Scalars(tag) for tag in board.Tags()["scalars"]}
    return {
        tag: (np.array([point.step for point in curve]), np.array([point.value for point in curve]))
        for tag, curve in curves.items()
    }


def read_with_sweepboard(run: Path) -> Curves:
    from sweepboard.board.scalar_reader import read_scalars

    return {tag: (curve.steps, curve.values) for tag, curve in read_scalars(run).items()}


READERS = {"sweepboard": read_with_sweepboard, "tensorboard": read_with_tensorboard}


def checksum(runs: list[Curves]) -> int:
    """Of all steps and values, in the order of tags."""
    total = 0
    for curves in runs:
        for tag, (steps, values) in sorted(curves.items()):
            total = zlib.crc32(
                tag.encode() + steps.astype("i8").tobytes() + values.astype("f4").tobytes(), total
            )
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--limit", type=int, help="read only the first so many runs")
    args = parser.parse_args()

    folders = sorted(folder_of_runs().iterdir())[: args.limit]
    start = time.perf_counter()
    runs = [READERS[args.reader](folder) for folder in folders]
    seconds = time.perf_counter() - start
    count = sum(len(steps) for curves in runs for steps, _ in curves.values())
    print(json.dumps({"seconds": seconds, "points": count, "checksum": checksum(runs)}))


if __name__ == "__main__":
    main()
