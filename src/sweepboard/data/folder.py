"""A user's own images: a folder for each class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from sweepboard.data.images import SUFFIXES, read_image
from sweepboard.data.samples import FixedSamples
from sweepboard.data.spec import DataSpec, Splits
from sweepboard.errors import ConfigError, did_you_mean

Labelled = tuple[str, int]
"""Name of an image file relative to `root`, and the number of its class."""

LOOKED_INTO = 500
"""Files of a split that its digest reads the starts of; to read millions would take longer than to train."""


@dataclass(frozen=True)
class ImageFolder:
    """Images of any size in one of two layouts, decoded to RGB, scaled and cut to squares.

    - `root/train/<class>/...`, with `root/val/<class>/...` and `root/test/<class>/...` where they exist.
    - `root/<class>/...`; then `test_fraction` of each class is the test set. Which images those are follows
      from their names alone, so that every seed and every later run is tested on the same ones.

    Classes are numbered in the order of their names; hidden folders and folders without images are not
    classes. The images of a split are ordered by a hash of their names, so that the first few show several
    classes. Raises `ConfigError` at the first look into a folder that is missing or not laid out so.
    """

    root: str
    image_size: int = 64
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.image_size < 1:
            raise ConfigError(f"dataset.image_size must be at least 1, not {self.image_size}")
        if not 0 <= self.test_fraction < 1:
            raise ConfigError(
                f"dataset.test_fraction must be from 0 up to but not 1, not {self.test_fraction}"
            )

    @property
    def spec(self) -> DataSpec:
        """Three channels, standardised by the usual constants of ImageNet's photographs."""
        names = self._classes
        return DataSpec(
            (3, self.image_size, self.image_size),
            classes=len(names),
            class_names=tuple(names),
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        )

    @property
    def sizes(self) -> Mapping[str, int]:
        """Images per split, counted without opening one."""
        return {name: len(images) for name, images in self._parts.items()}

    def load(self) -> Splits:
        """The splits, whose images are decoded when asked for."""
        return Splits(
            **{name: ImageFiles(self._root, images, self.image_size) for name, images in self._parts.items()}
        )

    @property
    def _root(self) -> Path:
        return Path(self.root).expanduser()

    @property
    def _has_split_folders(self) -> bool:
        return bool(_classes_in(self._root / "train"))

    @cached_property
    def _classes(self) -> list[str]:
        if not self._root.is_dir():
            raise ConfigError(f"dataset.root: there is no folder {self._root}")
        top = self._root / "train" if self._has_split_folders else self._root
        names = _classes_in(top)
        if len(names) < 2:
            found = f"only the class {names[0]}" if names else "no folder with images"
            raise ConfigError(
                f"dataset.root: {top} holds {found}; put the images of each class into a folder"
            )
        return names

    @cached_property
    def _parts(self) -> dict[str, list[Labelled]]:
        if not (self._classes and self._has_split_folders):
            return self._divided()
        parts = {name: self._labelled(name) for name in ("train", "val", "test")}
        return {name: images for name, images in parts.items() if images}

    def _divided(self) -> dict[str, list[Labelled]]:
        """The flat layout: the first images of each class, in the order of the hash, are for the test."""
        images = self._labelled(".")
        train, test = [], []
        for number in range(len(self._classes)):
            of_class = [image for image in images if image[1] == number]
            held_out = int(len(of_class) * self.test_fraction)
            test += of_class[:held_out]
            train += of_class[held_out:]
        parts = {"train": _in_order(train), "test": _in_order(test)}
        return {name: images for name, images in parts.items() if images}

    def _labelled(self, part: str) -> list[Labelled]:
        """All images below `root/part`, in their order."""
        found = []
        for name in _classes_in(self._root / part):
            if name not in self._classes:
                raise ConfigError(
                    f"dataset.root: {self._root / part / name} is no class of {self._root / 'train'}"
                    f"{did_you_mean(name, self._classes)}"
                )
            files = _images_below(self._root / part / name)
            found += [(str(file.relative_to(self._root)), self._classes.index(name)) for file in files]
        return _in_order(found)


class ImageFiles(FixedSamples):
    """The images of a split, read one by one: (3, size, size) uint8 and the class."""

    def __init__(self, root: Path, images: list[Labelled], size: int) -> None:
        self.root, self.images, self.size = root, images, size

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Raises `DamagedFile`, naming the file, if it cannot be decoded."""
        name, number = self.images[index]
        return read_image(self.root / name, self.size), torch.tensor(number)

    def made_from(self) -> tuple[str, Sequence[Path]]:
        """See `FixedSamples`. The classes' numbers hang on all classes there are; pixels on the decoder."""
        numbers = hashlib.sha256(repr([number for _, number in self.images]).encode()).hexdigest()[:16]
        name = f"images-{self.size}-{numbers}-pillow-{version('pillow')}"
        return name, [self.root / image for image, _ in self.images]

    def digest(self) -> str:
        """SHA-256 over names, sizes in bytes and classes, and the starts of some files: quick to take, and
        changed by nearly any edit and by other pictures of the same names and sizes."""
        digest = hashlib.sha256(f"{self.size}\n".encode())
        for name, number in self.images:
            digest.update(f"{name}\0{(self.root / name).stat().st_size}\0{number}\n".encode())
        for name, _ in self.images[:LOOKED_INTO]:  # in the order of a hash, so that they are a fair sample
            digest.update(_start(self.root / name))
        return digest.hexdigest()


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64 * 1024)


def _in_order(images: list[Labelled]) -> list[Labelled]:
    return sorted(images, key=lambda image: hashlib.sha256(os.fsencode(image[0])).digest())


def _classes_in(folder: Path) -> list[str]:
    """Names of the visible folders in `folder` with an image somewhere below."""
    if not folder.is_dir():
        return []
    folders = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(path.name for path in folders if any(_images_below(path)))


def _images_below(folder: Path) -> Iterable[Path]:
    for parent, _, files in os.walk(folder, followlinks=True):
        yield from (Path(parent, name) for name in files if is_image_name(name))


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image (macOS leaves hidden ones that are none)."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
