"""A user's own images, with a folder for each class."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from sweepboard.data.datasets.folder_layout import Layout, class_folders, layout_of
from sweepboard.data.datasets.image_files import Identity, images_below
from sweepboard.data.datasets.image_splits import ImageFiles, Labelled
from sweepboard.data.images import hush_decoders
from sweepboard.data.types import DataSpec, Splits
from sweepboard.errors import ConfigError, NotHere, did_you_mean

log = logging.getLogger(__name__)

_Found = tuple[str, int, Identity]
"""A labelled image with the identity of its real file."""


@dataclass(frozen=True)
class ImageFolder:
    """Images of any size in one of two layouts, decoded to RGB, scaled and cropped to squares.

    - `root/train/<class>/...`, with optional `root/val/<class>/...` and `root/test/<class>/...`, under any
      usual name (`Training`, `test_set`, `valid`, `dev`, ...).
    - `root/<class>/...`; then `test_fraction` of each class is the test set. It depends only on the images'
      names, so that every seed and every later run has the same test set.

    Classes are numbered in the order of their names; folders without images are not classes. Hidden files are
    skipped at every depth, links are followed, and each real file counts once. One line is logged about other
    files. Images are ordered by a hash of their names, so that the first few show several classes. Raise
    `ConfigError` on first use if the folder is missing or has neither layout.
    """

    root: str
    image_size: int = 64
    test_fraction: float = 0.1

    reads_pictures: ClassVar = True
    """Whether training samples may be random parts of pictures (`dataset.augment=resized_crop`)."""

    def __post_init__(self) -> None:
        if self.image_size < 1:
            raise ConfigError(f"dataset.image_size must be at least 1, not {self.image_size}")
        if not 0 <= self.test_fraction < 1:
            raise ConfigError(
                f"dataset.test_fraction must be from 0 up to but not 1, not {self.test_fraction}"
            )

    @property
    def spec(self) -> DataSpec:
        """Three channels, standardised by the usual constants of ImageNet."""
        names = self._classes
        return DataSpec(
            (3, self.image_size, self.image_size),
            classes=len(names),
            class_names=tuple(map(_readable, names)),
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        )

    @property
    def sizes(self) -> Mapping[str, int]:
        """Number of images per split, counted without opening one."""
        return {name: len(images) for name, images in self._parts.items()}

    def load(self) -> Splits:
        """Return the splits; images are decoded when they are read."""
        hush_decoders()
        return Splits(
            **{name: ImageFiles(self._root, images, self.image_size) for name, images in self._parts.items()}
        )

    @property
    def _root(self) -> Path:
        return Path(self.root).expanduser()

    @cached_property
    def _layout(self) -> Layout:
        if not self._root.is_dir():
            raise NotHere(f"dataset.root: there is no folder {self._root}")
        layout = layout_of(self._root)
        if layout.unused:
            log.warning("dataset.root: %s: not used: %s", self._root, "; ".join(layout.unused))
        return layout

    @cached_property
    def _classes(self) -> list[str]:
        top = next(iter(self._layout.parts.values()))
        names = [folder.name for folder in class_folders(top)]
        if len(names) < 2:
            found = f"only the class {names[0]}" if names else "no folder with images"
            raise ConfigError(
                f"dataset.root: {top} holds {found}; put the images of each class into a folder"
            )
        return names

    @cached_property
    def _parts(self) -> dict[str, list[Labelled]]:
        """The images of each split, in order."""
        found = {part: self._labelled(folder) for part, folder in self._layout.parts.items()}
        parts = self._divided(found[""]) if "" in found else found
        _warn_of_shared_files(self._root, parts)
        named = {part: [(name, number) for name, number, _ in images] for part, images in parts.items()}
        return {part: images for part, images in named.items() if images}

    def _divided(self, images: list[_Found]) -> dict[str, list[_Found]]:
        """Return the flat layout divided: the first images of each class, in hash order, are for the test."""
        train, test = [], []
        for number in range(len(self._classes)):
            of_class = [image for image in images if image[1] == number]
            held_out = int(len(of_class) * self.test_fraction)
            test += of_class[:held_out]
            train += of_class[held_out:]
        return {"train": _in_order(train), "test": _in_order(test)}

    def _labelled(self, part: Path) -> list[_Found]:
        """Return all images below the class folders in `part`, in order, each real file once."""
        found: dict[Identity, _Found] = {}
        top = os.path.join(self._root, "")  # noqa: PTH118 - pathlib drops a slash at the end
        for folder in class_folders(part):
            number = self._number(folder)
            for identity, path in images_below(folder).items():
                name = path.removeprefix(top)
                other = found.setdefault(identity, (name, number, identity))
                if other[1] != number:
                    raise ConfigError(
                        f"dataset.root: {self._root}: {other[0]} and {name} are one file in two classes, "
                        "by a link; remove one"
                    )
        return _in_order(list(found.values()))

    def _number(self, folder: Path) -> int:
        if folder.name not in self._classes:
            raise ConfigError(
                f"dataset.root: {folder} is no class of {self._layout.parts['train']}"
                f"{did_you_mean(folder.name, self._classes)}"
            )
        return self._classes.index(folder.name)


def _in_order(images: list[_Found]) -> list[_Found]:
    return sorted(images, key=lambda image: hashlib.sha256(os.fsencode(image[0])).digest())


def _warn_of_shared_files(root: Path, parts: Mapping[str, list[_Found]]) -> None:
    """Warn about training files that are also in a held-out split."""
    trained = {identity for _, _, identity in parts.get("train", ())}
    for part in parts.keys() - {"train"}:
        shared = [name for name, _, identity in parts[part] if identity in trained]
        if shared:
            log.warning(
                "dataset.root: %s: %d of the %s images are files of the training set, too, by links: %s",
                *(root, len(shared), part, shared[0]),
            )


def _readable(name: str) -> str:
    """Return `name` as text for any file: bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode(errors="backslashreplace")
