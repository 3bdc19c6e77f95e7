"""Find the image files below a folder: visible ones, through links, each real file once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from sweepboard.data.images import SUFFIXES
from sweepboard.errors import ConfigError

Identity = tuple[int, int]
"""Device and inode: equal for all names of one real file or folder."""

_OF_SYSTEMS = frozenset(
    {"@eadir", "@recycle", "#recycle", "#snapshot", "__macosx", "__pycache__", "$recycle.bin", "lost+found",
     "system volume information"}
)  # fmt: skip
"""Folders created by file servers, archives and operating systems, in lower case."""

_NOT_READ = frozenset(
    {".arw", ".cr2", ".cr3", ".dcm", ".dng", ".exr", ".hdr", ".heic", ".heif", ".jxl", ".mat", ".nef", ".nii",
     ".npy", ".npz", ".nrrd", ".psd", ".raw", ".svg", ".pdf"}
)  # fmt: skip
"""Suffixes of images, or arrays that may be images, which are not read; users are warned about them."""


def visible_folders(folder: Path) -> list[Path]:
    """Return the folders in `folder`, sorted by name, without links to it or to its parents.

    Raise `ConfigError` for what cannot be read, and for a link to a missing folder.
    """
    above = _identities_up_from(folder)
    found = []
    for entry in _entries(folder):
        if not _is_folder(entry):
            if entry.is_symlink() and not Path(entry.name).suffix:
                _identity(entry)
        elif _identity(entry) not in above:
            found.append(Path(entry.path))
    return sorted(found)


def images_in(folder: Path) -> int:
    """Return the number of image files directly in `folder`."""
    return sum(_is_image(entry) for entry in _entries(folder))


def images_below(folder: Path) -> dict[Identity, str]:
    """Return the paths of image files below `folder`, each real file under one name.

    Raise `ConfigError` for a folder or an image that cannot be read: a dangling link, no permission.
    """
    return {_identity(entry): entry.path for entry in reversed(list(_walk(folder))) if _is_image(entry)}


def has_images(folder: Path) -> bool:
    """Return whether there is an image at any depth below `folder`."""
    return any(_is_image(entry) for entry in _walk(folder))


def unread_below(folder: Path) -> list[str]:
    """Return the suffixes of files below `folder` that may be images, but of a format that is not read."""
    return [suffix for entry in _walk(folder) if (suffix := _suffix(entry.name)) in _NOT_READ]


def is_image_name(name: str) -> bool:
    """Return whether a file of this name counts as an image."""
    return not _is_hidden(name) and _suffix(name) in SUFFIXES


def _suffix(name: str) -> str:
    """Return the suffix as pathlib does, several times as fast, which matters for a million names."""
    _, dot, kind = name.rpartition(".")
    return dot + kind.lower()


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files below `folder`; each real folder is entered once, so that cyclic links are safe."""
    entered, waiting = _identities_up_from(folder), [folder]
    while waiting:
        for entry in _entries(waiting.pop()):
            if not _is_folder(entry):
                yield entry
            elif (identity := _identity(entry)) not in entered:
                entered.add(identity)
                waiting.append(Path(entry.path))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the visible entries of `folder`, links last, so that a file is found by its own name first."""
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not _is_hidden(entry.name)]
    except OSError as error:
        raise _unreadable(folder, error) from error
    return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: reported where it is read as an image or a class
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    return is_image_name(entry.name) and not _is_folder(entry)


def _identity(entry: os.DirEntry[str]) -> Identity:
    try:
        status = os.stat(entry.path)  # noqa: PTH116 - pathlib takes as long again
    except OSError as error:
        raise _unreadable(entry.path, error) from error
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"dataset.root: {entry.path} is no regular file: remove it")
    return status.st_dev, status.st_ino


def _identities_up_from(folder: Path) -> set[Identity]:
    real = folder.resolve()
    return {(status.st_dev, status.st_ino) for status in _stats((real, *real.parents))}


def _stats(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    for path in paths:
        try:
            yield path.stat()
        except OSError as error:
            raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: OSError) -> ConfigError:
    target = f", a link to {Path(path).readlink()}," if Path(path).is_symlink() else ""
    return ConfigError(f"dataset.root: {path}{target} cannot be read ({error.strerror}): repair or remove it")
