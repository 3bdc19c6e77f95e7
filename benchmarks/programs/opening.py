"""From an image folder to its first training batch, the pictures kept in the cache: a first or a later run.

With `--kept` everything is in the cache already, and decoding a file would be an error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.baselines import photographs
from benchmarks.baselines.fashion import cache
from benchmarks.process import ROOT
from benchmarks.workloads import SIDE

KEPT = cache() / "kept-photographs"


def first_batch(root: Path) -> float:
    """Seconds from the name of a folder to a batch on the device."""
    import torch

    from sweepboard.data import ImageFolder
    from sweepboard.data.prepare import prepare_data
    from sweepboard.settings import DatasetSettings

    settings = DatasetSettings(
        batch_size=64, val_fraction=0.0, augment="resized_crop_flip", in_memory=True, workers=2
    )
    begun = time.perf_counter()
    source = ImageFolder(str(root), image_size=SIDE)
    data = prepare_data(source, settings, 0, torch.device("cpu"))
    next(iter(data.train.epoch(0)))
    return time.perf_counter() - begun


def forbid_decoding() -> None:
    """Make any reading of an image file fail, here and in workers."""
    from sweepboard.data import pictures
    from sweepboard.data.datasets import image_splits

    def decoded(*_: Any) -> Any:
        raise AssertionError("a file was decoded")

    vars(image_splits)["read_image"] = decoded
    vars(pictures)["read_picture"] = decoded


def fill() -> None:
    """Fill the cache of later runs."""
    subprocess.run([sys.executable, "-m", "benchmarks.programs.opening", "--fill"], check=True, cwd=ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kept", action="store_true", help="from the cache, without decoding")
    parser.add_argument("--fill", action="store_true", help="fill that cache")
    args = parser.parse_args()

    root = photographs.folder()
    os.environ["XDG_CACHE_HOME"] = str(KEPT if args.kept or args.fill else Path.cwd() / "cache")
    if args.kept:
        forbid_decoding()
    print(json.dumps({"start_s": first_batch(root)}))


if __name__ == "__main__":
    main()
