"""Fashion-MNIST: small images of clothes, complete or as an embedded tenth that needs no network.

Xiao, Rasul, Vollgraf: Fashion-MNIST, 2017 (https://github.com/zalandoresearch/fashion-mnist), MIT licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sweepboard.data.datasets.mnist_cifar import SYSTEM, find_or_download, read_idx_set
from sweepboard.data.types import DataSpec, Splits

CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
SPEC = DataSpec((1, 28, 28), classes=10, class_names=CLASS_NAMES, mean=(0.2860,), std=(0.3530,))

EMBEDDED = Path(__file__).parent / "embedded" / "fashion_mini"
"""Made by `embedded/make_fashion_mini.py`."""


class FashionMini:
    """The first 1,000 training and 200 test images of each class of Fashion-MNIST; part of this package."""

    spec = SPEC
    sizes: Mapping[str, int] = {"train": 10_000, "test": 2_000}

    def load(self) -> Splits:
        """Read the data set. Raise `DamagedFile` if the installed package is damaged."""
        return read_idx_set(EMBEDDED)


class FashionMNIST:
    """All 60,000 training and 10,000 test images.

    Read from `<root>/FashionMNIST/raw` (torchvision's layout) or `root` itself, IDX files plain or gzipped,
    or from Debian's package dataset-fashion-mnist; otherwise downloaded to `root` by torchvision.
    """

    spec = SPEC
    sizes: Mapping[str, int] = {"train": 60_000, "test": 10_000}

    def __init__(self, root: str = "data") -> None:
        self.root = Path(root).expanduser()

    def load(self) -> Splits:
        """Read, or download and read. Raise `UserError` with a remedy if both fail."""
        return find_or_download("FashionMNIST", self.root, SYSTEM / "fashion-mnist")
