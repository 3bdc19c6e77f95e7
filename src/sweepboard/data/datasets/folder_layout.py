"""Recognise the layout of a folder of images: folders of splits by any usual name, or a folder per class."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweepboard.data.datasets.image_files import (
    has_images,
    images_below,
    images_in,
    unread_below,
    visible_folders,
)
from sweepboard.errors import ConfigError

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_SPLIT_NAME = re.compile(
    rf"(?P<before>(?:.*[^a-z])?)(?P<word>{'|'.join(_SPLITS)})(?P<after>(?:set|data)?(?:[^a-z].*)?)"
)
_UNLABELLED = re.compile(r"un_?labell?ed(?:_?(?:set|data|images))?")
_USUAL = re.compile(r"(?:(?:images?|data)[ _-])?\*(?:[ _-]?(?:set|data|dataset|images?|split|folder)|\d+)?")
"""Neutral parts of a split's folder name, around the split's word: `training_set`, `images_train`."""


@dataclass(frozen=True)
class Layout:
    """The parents of the class folders, by split; without splits there is one, called ``."""

    parts: Mapping[str, Path]
    unused: Sequence[str] = ()
    """Descriptions of other contents of the folder, which are not used."""


def layout_of(root: Path) -> Layout:
    """Return the layout of `root`. Raise `ConfigError` if its folders can be neither splits nor classes."""
    parts = _split_folders(root)
    if not parts:
        _refuse_unknown_splits(root)
        _refuse_lone_splits(root)
        return Layout({"": root}, list(_unused(root, {"": root})))
    if not class_folders(parts["train"]):
        raise ConfigError(
            f"dataset.root: {parts['train']} looks like a training set, but has no folder for each class; "
            "put the images of each class into one"
        )
    present = [split for split in ("train", "val", "test") if split in parts]
    usable: dict[str, Path] = {split: parts[split] for split in present if class_folders(parts[split])}
    return Layout(usable, list(_unused(root, usable)))


def class_folders(folder: Path) -> list[Path]:
    """Return the visible folders in `folder` that contain an image at any depth, sorted by name."""
    return [path for path in visible_folders(folder) if has_images(path)]


def _split_folders(root: Path) -> dict[str, Path]:
    """Return folders by split whose names differ only in that word: `train`, `val`, `test`; or nothing."""
    for alike in _alike(root).values():
        for split, folders in alike.items():
            if len(folders) > 1 and "train" in alike:
                names = " and ".join(folder.name for folder in folders)
                raise ConfigError(
                    f"dataset.root: in {root} {names} both look like the {split} split; keep one"
                )
        found = {split: _unwrapped(folders[0], split) for split, folders in alike.items()}
        if "train" in found and (len(found) > 1 or class_folders(found["train"])):
            return found
    return {}


def _alike(root: Path) -> dict[str, dict[str, list[Path]]]:
    """Return the folders named after a split, by the rest of their names (usual ones first) and by split."""
    groups: dict[str, dict[str, list[Path]]] = {"*": {}}
    for folder in visible_folders(root):
        if (named := _split_name(folder.name)) and has_images(folder):
            split, rest = named
            groups.setdefault(rest, {}).setdefault(split, []).append(folder)
    return groups


def _split_name(name: str) -> tuple[str, str] | None:
    """Return the split that a folder is named after, and the rest of its name.

    `seg_train` gives (train, `seg_*`).
    """
    match = _SPLIT_NAME.fullmatch(name.lower())
    if match is None:
        return None
    rest = f"{match['before']}*{match['after']}"
    return _SPLITS[match["word"]], "*" if _USUAL.fullmatch(rest) else rest


def _unwrapped(folder: Path, split: str) -> Path:
    """Return `seg_train/seg_train` for `seg_train`, as some archives have it."""
    inner = class_folders(folder)
    named = _split_name(inner[0].name) if len(inner) == 1 else None
    return inner[0] if named and named[0] == split and not images_in(folder) else folder


def _refuse_unknown_splits(root: Path) -> None:
    """Raise `ConfigError` for folders with equal subfolders, which must be splits, not classes."""
    classes = class_folders(root)
    inside = {
        folder: {path.name for path in class_folders(folder)} for folder in classes if not images_in(folder)
    }
    others = {folder.name for folder in classes}
    same = set.intersection(*inside.values()) if len(inside) == len(classes) > 1 else set()
    doubtful = classes if len(same) > 1 else [one for one, names in inside.items() if len(names & others) > 1]
    if doubtful:
        names, below = _listed([folder.name for folder in doubtful]), _listed(sorted(inside[doubtful[0]]))
        raise ConfigError(
            f"dataset.root: in {root} {names} hold folders {below}: these look like splits, not classes; "
            f"call the splits train, val and test, or put classes like these into {root / 'train'}"
        )


def _refuse_lone_splits(root: Path) -> None:
    """Raise `ConfigError` for a held-out or unlabelled part among the classes.

    `train` is allowed: it may be a class of vehicles.
    """
    folders = class_folders(root)
    for folder in folders if len(folders) > 1 else ():
        if _UNLABELLED.fullmatch(folder.name.lower()) or _split_name(folder.name) in (
            ("val", "*"),
            ("test", "*"),
        ):
            raise ConfigError(
                f"dataset.root: {folder} is named like a split, but is among the folders "
                f"of the classes; move it out of {root}, or put the classes into {root / 'train'}"
            )


def _unused(root: Path, parts: Mapping[str, Path]) -> Iterator[str]:
    if "" not in parts:
        for folder in visible_folders(root):
            if not any(part.is_relative_to(folder) for part in parts.values()) and (
                found := images_below(folder)
            ):
                yield f"{folder.name}/ ({_counted(len(found), 'image')})"
    for folder in dict.fromkeys((root, *parts.values())):
        if loose := images_in(folder):
            yield f"{_counted(loose, 'image')} in {folder} itself"
    unread = [suffix for folder in parts.values() for suffix in unread_below(folder)]
    if unread:
        kinds = _listed(sorted(set(unread)))
        yield f"{_counted(len(unread), 'file')} of kinds that are not read ({kinds})"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count != 1 else ''}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
