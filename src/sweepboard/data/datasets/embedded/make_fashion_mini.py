"""Make the embedded data set `fashion_mini` from the full Fashion-MNIST.

    python make_fashion_mini.py [FOLDER_OF_THE_FULL_SET] [FOLDER_TO_WRITE]

The full set is what Debian's package dataset-fashion-mnist installs. The first 1,000 training and 200 test
images of each class are taken in their order, without random numbers: the result is the same on every machine
with an equal zlib.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from sweepboard.data.datasets.idx import read_idx, write_idx
from sweepboard.data.datasets.mnist_cifar import SYSTEM

PER_CLASS = {"train": 1000, "t10k": 200}


def make_fashion_mini(full: Path, folder: Path) -> None:
    """Write the four IDX files into the existing `folder` from those in `full`."""
    for part, per_class in PER_CLASS.items():
        labels = read_idx(full / f"{part}-labels-idx1-ubyte.gz")
        firsts = [np.flatnonzero(labels == number)[:per_class] for number in range(10)]
        chosen = np.sort(np.concatenate(firsts))
        images = read_idx(full / f"{part}-images-idx3-ubyte.gz")
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels[chosen])
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images[chosen])


if __name__ == "__main__":
    places = [Path(word) for word in sys.argv[1:]]
    defaults = [SYSTEM / "fashion-mnist", Path(__file__).parent / "fashion_mini"]
    make_fashion_mini(*(places + defaults[len(places) :]))
