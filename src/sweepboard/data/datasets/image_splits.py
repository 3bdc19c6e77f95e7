"""The images of a split, read in batches: their middles, or in each epoch other parts of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from sweepboard.data.images import read_image
from sweepboard.data.jpeg import decoder
from sweepboard.data.loading import Loading
from sweepboard.data.pictures import Pictures, keep_pictures
from sweepboard.data.samples import ChangingSamples, FixedSamples, ReadsBatches
from sweepboard.data.shared_memory import new_batch
from sweepboard.data.views import MIDDLE, RandomViews, View, shown
from sweepboard.errors import DamagedFile

Labelled = tuple[str, int]
"""Name of an image file relative to `root`, and the number of its class."""

LOOKED_INTO = 500
"""Number of files per split whose first bytes enter the digest.

Reading millions of files would take longer than training.
"""


class ImageFiles(FixedSamples, ReadsBatches):
    """The images of a split, read one by one: (3, size, size) uint8 and the class."""

    def __init__(
        self, root: Path, images: list[Labelled], size: int, pictures: Pictures | None = None
    ) -> None:
        self.root, self.images, self.size = root, images, size
        self.pictures = pictures

    @property
    def targets(self) -> list[int]:
        """The class of each image, for a sampler."""
        return [number for _, number in self.images]

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [self.root / name for name, _ in self.images]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return an image and its class. Raise `DamagedFile`, naming the file, if it cannot be decoded."""
        return self.seen(index, MIDDLE), torch.tensor(self.images[index][1])

    def batch(self, indices: Sequence[int], seed: int, epoch: int) -> tuple[Tensor, Tensor]:
        """Implement `ReadsBatches.batch`; seed and epoch have no effect."""
        del seed, epoch
        return self.batch_of(indices, [MIDDLE] * len(indices))

    def batch_of(self, indices: Sequence[int], views: Sequence[View]) -> tuple[Tensor, Tensor]:
        """Return what `views` show of the images `indices`, channels last in memory, and their classes."""
        inputs = new_batch((len(indices), self.size, self.size, 3), torch.uint8).permute(0, 3, 1, 2)
        for place, index, view in zip(inputs, indices, views, strict=True):
            place.copy_(self.seen(index, view))
        return inputs, torch.tensor([self.images[index][1] for index in indices])

    def seen(self, index: int, view: View) -> Tensor:
        """Return what a view shows of an image. Raise `DamagedFile`."""
        picture = self.pictures.get(index) if self.pictures is not None else None
        if picture is None:
            return read_image(self.root / self.images[index][0], self.size, view)
        return shown(picture, view, view.box(*picture.shape[:2]), self.size)

    def viewed(self, views: RandomViews) -> ViewedImages:
        """Return the images as they are trained on, in random views."""
        return ViewedImages(self, views)

    def made_from(self) -> tuple[str, Sequence[Path]]:
        """Implement `FixedSamples.made_from`: numbers depend on all classes, pixels on the decoder."""
        numbers = hashlib.sha256(repr(self.targets).encode()).hexdigest()[:16]
        return f"images-{self.size}-{numbers}-{_decoders()}", self.paths

    def digest(self) -> str:
        """Return a SHA-256 over names, sizes in bytes, classes, and the first bytes of some files.

        It is fast, and changes with nearly any edit, also with other images of equal names and sizes. Raise
        `DamagedFile` if a file has disappeared since its folder was listed.
        """
        digest = hashlib.sha256(f"{self.size}\n".encode())
        try:
            for name, number in self.images:
                size = (self.root / name).stat().st_size
                digest.update(os.fsencode(name) + f"\0{size}\0{number}\n".encode())
            for name, _ in self.images[
                :LOOKED_INTO
            ]:  # in the order of a hash, so that they are a fair sample
                digest.update(_start(self.root / name))
        except OSError as error:
            raise DamagedFile(
                f"{error.filename} cannot be read ({error.strerror}): repair or remove it"
            ) from error
        return digest.hexdigest()


class ViewedImages(ChangingSamples):
    """The images of a training split, of which each epoch shows other parts."""

    def __init__(self, plain: ImageFiles, views: RandomViews) -> None:
        self.plain: ImageFiles = plain
        self.views = views

    def __len__(self) -> int:
        return len(self.plain)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Implement `ChangingSamples.__getitem__`: the middle."""
        return self.plain[index]

    def batch(self, indices: Sequence[int], seed: int, epoch: int) -> tuple[Tensor, Tensor]:
        """Implement `ReadsBatches.batch`; the views have a seed of their own."""
        del seed
        return self.plain.batch_of(indices, [self.views.of(epoch, index) for index in indices])

    def kept(self, loading: Loading) -> ViewedImages:
        """Implement `ChangingSamples.kept`: whole pictures are kept."""
        plain = self.plain
        name = f"pictures-{plain.size}-{_decoders()}"
        pictures = keep_pictures(name, plain.paths, plain.size, loading)
        return ViewedImages(ImageFiles(plain.root, plain.images, plain.size, pictures), self.views)


def _decoders() -> str:
    return "-".join(dict.fromkeys([f"pillow-{version('pillow')}", decoder()]))


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64 * 1024)
