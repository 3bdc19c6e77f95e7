"""MNIST and CIFAR-10: read from where they are, or downloaded by torchvision."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

import torch

from sweepboard.data.cache import cached
from sweepboard.data.datasets.idx import read_idx
from sweepboard.data.types import DataSpec, Splits, TensorSplit
from sweepboard.errors import DamagedFile, UserError
from sweepboard.files import alone_in
from sweepboard.vision import import_torchvision

SYSTEM = Path("/usr/share/datasets")
"""Parent folder of the data sets in Debian's `dataset-...` packages."""

_CLASSES = 10
"""Number of classes of all data sets read here."""

_STALLED = 30.0
"""Seconds without a byte after which a download fails; without a limit it could hang."""

T = TypeVar("T")


class MNIST:
    """Handwritten digits, 28 x 28 (LeCun et al., http://yann.lecun.com/exdb/mnist/).

    Read from `<root>/MNIST/raw` (torchvision's layout) or `root` itself, IDX files plain or gzipped, or from
    Debian's folder for data sets; otherwise downloaded to `root` by torchvision.
    """

    spec = DataSpec((1, 28, 28), classes=10, class_names=tuple("0123456789"), mean=(0.1307,), std=(0.3081,))
    sizes: Mapping[str, int] = {"train": 60_000, "test": 10_000}

    def __init__(self, root: str = "data") -> None:
        self.root = Path(root).expanduser()

    def load(self) -> Splits:
        """Read, or download and read. Raise `UserError` with a remedy if both fail."""
        return find_or_download("MNIST", self.root, SYSTEM / "mnist")


class CIFAR10:
    """Photographs in ten classes, 32 x 32 (https://www.cs.toronto.edu/~kriz/cifar.html).

    Read by torchvision (which checks every file's MD5 before it unpickles it) from
    `<root>/cifar-10-batches-py` or `<root>/cifar-10-python.tar.gz`; otherwise downloaded to `root`.
    """

    spec = DataSpec(
        (3, 32, 32),
        classes=10,
        class_names=(
            ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
        ),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
    )
    sizes: Mapping[str, int] = {"train": 50_000, "test": 10_000}

    def __init__(self, root: str = "data") -> None:
        self.root = Path(root).expanduser()

    def load(self) -> Splits:
        """Read, or download and read. Raise `UserError` with a remedy if both fail."""
        with suppress(RuntimeError):  # torchvision's "not found or corrupted"
            return self._read(download=False)
        return downloading("CIFAR10", self.root, lambda: self._read(download=True))

    def _read(self, download: bool) -> Splits:
        files = sorted((self.root / "cifar-10-batches-py").glob("*"))

        def split(name: str) -> TensorSplit:
            return cached(f"cifar10-{name}", files, lambda: self._decoded(name == "train", download))

        return Splits(train=split("train"), test=split("test"))

    def _decoded(self, train: bool, download: bool) -> TensorSplit:
        photographs = import_torchvision("datasets").CIFAR10(self.root, train=train, download=download)
        inputs = torch.from_numpy(photographs.data).permute(0, 3, 1, 2).contiguous()
        return TensorSplit(inputs, torch.tensor(photographs.targets))


def find_or_download(name: str, root: Path, *elsewhere: Path) -> Splits:
    """Return torchvision's IDX set `name` from `root` or `elsewhere`, or download it into `root`."""
    raw = root / name / "raw"
    for folder in (raw, root, *elsewhere):
        if holds_idx_set(folder):
            return read_idx_set(folder)
    dataset = getattr(import_torchvision("datasets"), name)
    downloading(name, root, lambda: dataset(root, download=True))
    return read_idx_set(raw)


def holds_idx_set(folder: Path) -> bool:
    """Return whether the four files of an MNIST-like set are in `folder`, each plain or gzipped."""
    return all(_path(folder, stem) is not None for stem in _stems())


def read_idx_set(folder: Path) -> Splits:
    """Return the training and test set of an MNIST-like `folder`. Raise `DamagedFile`."""
    images, labels, test_images, test_labels = _paths(folder)
    return Splits(train=_idx_split(images, labels), test=_idx_split(test_images, test_labels))


def _idx_split(images: Path, labels: Path) -> TensorSplit:
    def decode() -> TensorSplit:
        pixels, classes = torch.from_numpy(read_idx(images)), torch.from_numpy(read_idx(labels)).long()
        if pixels.ndim != 3 or classes.shape != pixels.shape[:1]:
            raise DamagedFile(
                f"{images} and {labels} hold arrays of shape {tuple(pixels.shape)} and "
                f"{tuple(classes.shape)}, not (images, height, width) and (images,)"
            )
        wrong = ((classes < 0) | (classes >= _CLASSES)).nonzero()
        if len(wrong):
            place = int(wrong[0])
            raise DamagedFile(
                f"{labels}: image {place} has label {int(classes[place])}, but there are {_CLASSES} classes "
                "counted from 0"
            )
        return TensorSplit(pixels.unsqueeze(1), classes)

    return cached("idx", (images, labels), decode)


def downloading(name: str, root: Path, work: Callable[[], T]) -> T:
    """Call `work`, which downloads into `root`, under a lock shared by the jobs of a sweep.

    Raise `UserError` with a remedy if it fails.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with alone_in(root), _patience(_STALLED):
            return work()
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{name} is not in {root} and cannot be downloaded ({reason}); {_advice(name)}"
        ) from error


def _advice(name: str) -> str:
    packaged = "install Debian's package dataset-fashion-mnist, or " if name == "FashionMNIST" else ""
    return f"{packaged}put its files there by hand, or set dataset.root to the folder that has them"


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _stems() -> Iterable[str]:
    return (f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def _path(folder: Path, stem: str) -> Path | None:
    """Return the plain file before the gzipped one: unpacking takes longer than reading."""
    candidates = (folder / stem, folder / f"{stem}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _paths(folder: Path) -> Iterator[Path]:
    for stem in _stems():
        path = _path(folder, stem)
        assert path is not None, f"{folder} was said to hold {stem}"
        yield path
