"""What 100,000 scalars take from the thread that trains: sweepboard's writer or torch's SummaryWriter.

Times every call and the final close, then reads the event file back with TensorBoard and prints a checksum of
what it finds: equal for both writers when they wrote the same points.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def sweepboard_writer(folder: Path) -> tuple[Callable[[int, dict[str, float]], None], Callable[[], None]]:
    from sweepboard.board.event_writer import EventWriter

    writer = EventWriter(folder)
    return writer.add_scalars, writer.close


def torch_writer(folder: Path) -> tuple[Callable[[int, dict[str, float]], None], Callable[[], None]]:
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(folder))

    def add(step: int, scalars: dict[str, float]) -> None:
        for tag, value in scalars.items():
            writer.add_scalar(tag, value, step)

    return add, writer.close


WRITERS = {"sweepboard": sweepboard_writer, "torch": torch_writer}


def points(count: int, tags: int) -> list[dict[str, float]]:
    """One dict of scalars per step."""
    values = np.random.default_rng(0).normal(size=(count // tags, tags))
    return [{f"train/metric_{tag}": float(value) for tag, value in enumerate(row)} for row in values]


def seconds_to_write(writer: str, folder: Path, steps: list[dict[str, float]]) -> float:
    """Of the calling thread, from the first call to the end of `close`."""
    add, close = WRITERS[writer](folder)
    start = time.perf_counter()
    for step, scalars in enumerate(steps):
        add(step, scalars)
    close()
    return time.perf_counter() - start


def checksum(folder: Path) -> int:
    """Of every tag's steps and values, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    found = [
        (tag, point.step, point.value)
        for tag in sorted(board.Tags()["scalars"])
        for point in board.Scalars(tag)
    ]
    return zlib.crc32(repr(found).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("writer", choices=WRITERS)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--tags", type=int, default=5, help="tags written at each step")
    args = parser.parse_args()

    folder = Path.cwd() / "events"
    folder.mkdir()
    seconds = seconds_to_write(args.writer, folder, points(args.count, args.tags))
    print(json.dumps({"scalar_us": seconds / args.count * 1e6, "checksum": checksum(folder)}))


if __name__ == "__main__":
    main()
