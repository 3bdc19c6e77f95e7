"""Fashion-MNIST unpacked once into the layout that torchvision reads, for all baselines."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the four archives."""


def cache() -> Path:
    """The folder for what is made once and kept: the unpacked data, event files to read."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sweepboard-benchmarks"


def root() -> Path:
    """The `root` to give to torchvision's FashionMNIST; unpacked or downloaded at the first call."""
    raw = cache() / "FashionMNIST" / "raw"
    if not raw.exists():
        if DEBIAN.exists():
            _unpack(raw)
        else:
            from torchvision.datasets import FashionMNIST

            FashionMNIST(cache(), download=True)
    return cache()


def _unpack(raw: Path) -> None:
    scratch = raw.with_name(f"raw.{os.getpid()}")
    scratch.mkdir(parents=True)
    for archive in DEBIAN.glob("*.gz"):
        with gzip.open(archive) as packed, (scratch / archive.stem).open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    scratch.rename(raw)


if __name__ == "__main__":
    print(root())
