"""Which folders of images are splits, which are classes, and which files in them are images."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from sweepboard.data.datasets.image_folder import ImageFolder
from sweepboard.data.datasets.image_splits import ImageFiles
from sweepboard.data.fingerprint import fingerprint
from sweepboard.data.samples import fetch
from sweepboard.errors import ConfigError, DamagedFile
from tests.command import TINY, Command, only_run, record_of


def write(root: Path, *folders: str, count: int = 2) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("L", (4, 4), len(folder) + number).save(root / folder / f"{number}.png")


def names(root: Path, part: str = "train") -> list[str]:
    images = vars(ImageFolder(str(root), test_fraction=0).load())[part]
    assert isinstance(images, ImageFiles)
    return sorted(name for name, _ in images.images)


@pytest.mark.parametrize(
    "splits",
    [
        ("Training", "Testing"),
        ("Train", "Test"),
        ("training_set", "test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("TRAIN", "VAL"),
        ("train_images", "valid"),
        ("my-train", "my-dev"),
        ("trainset", "validation"),
        ("train2017", "val2017"),
        ("train/train", "test"),
    ],
)
def test_splits_of_any_usual_name_are_splits(tmp_path: Path, splits: Sequence[str]) -> None:
    write(tmp_path, f"{splits[0]}/a", f"{splits[0]}/b", count=3)
    write(tmp_path, f"{splits[1]}/a", f"{splits[1]}/b")
    source = ImageFolder(str(tmp_path))
    assert source.spec.class_names == ("a", "b")
    other = "val" if "v" in splits[1].lower() else "test"
    assert source.sizes == {"train": 6, other: 4}


@pytest.mark.parametrize(
    "classes", [("train", "plane"), ("Train", "Bus"), ("contest", "station"), ("train_station", "test_tube")]
)
def test_classes_with_such_words_are_classes(tmp_path: Path, classes: Sequence[str]) -> None:
    write(tmp_path, *classes)
    assert ImageFolder(str(tmp_path)).spec.class_names == tuple(sorted(classes))


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        (("2019/a", "2019/b", "2020/a", "2020/b"), "2019, 2020 hold folders a, b: these look like splits"),
        (("früh/a", "früh/b", "spät/a", "spät/b", "spät/c"), "früh, spät hold folders a, b: these look like"),
        (("cats", "dogs", "test/cats", "test/dogs"), "test hold folders cats, dogs: these look like splits"),
        (("train", "test"), "has no folder for each class"),
        (("train/a", "train/b", "Training/a"), "both look like the train split"),
    ],
)
def test_what_can_be_neither_is_refused(tmp_path: Path, folders: Sequence[str], told: str) -> None:
    write(tmp_path, *folders)
    with pytest.raises(ConfigError, match=f"^dataset.root: .*{told}"):
        _ = ImageFolder(str(tmp_path)).sizes


@pytest.mark.parametrize(
    "name", ["test", "Testing", "validation", "val_images", "unlabeled", "Unlabelled_data"]
)
def test_a_part_among_the_classes_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "cats", "dogs", name)
    with pytest.raises(ConfigError, match=rf"{name} is named like a split.*; move it out of"):
        _ = ImageFolder(str(tmp_path)).sizes


def test_subfolders_of_classes_may_be_alike_where_train_says_that_they_are_classes(tmp_path: Path) -> None:
    write(tmp_path, *(f"train/{name}/{time}" for name in ("cats", "dogs") for time in ("day", "night")))
    assert ImageFolder(str(tmp_path)).sizes == {"train": 8}
    write(tmp_path / "one", "cats/images", "dogs/images")
    assert ImageFolder(str(tmp_path / "one"), test_fraction=0).sizes == {"train": 4}


def test_what_is_not_used_is_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, "train/a", "train/b", "extra", "unlabeled/deep", "test")
    write(tmp_path, "train", count=1)
    (tmp_path / "train" / "a" / "x.HEIC").touch()
    with caplog.at_level(logging.WARNING):
        assert ImageFolder(str(tmp_path)).sizes == {"train": 4}
    assert caplog.messages == [
        f"dataset.root: {tmp_path}: not used: extra/ (2 images); test/ (2 images); unlabeled/ (2 images); "
        f"1 image in {tmp_path}/train itself; 1 file of kinds that are not read (.heic)"
    ]


def test_what_is_hidden_is_left_out_at_every_depth(tmp_path: Path) -> None:
    write(tmp_path, "cats", "dogs", "@eaDir/x", "__MACOSX/cats", ".hidden", "#recycle")
    write(tmp_path, "cats/.ipynb_checkpoints", "cats/deep/@eaDir", "dogs/deep/.thumbnails", "dogs/__MACOSX")
    for name in ("._0.png", "Thumbs.db", ".DS_Store"):
        (tmp_path / "cats" / name).touch()
    assert names(tmp_path) == ["cats/0.png", "cats/1.png", "dogs/0.png", "dogs/1.png"]


def test_each_real_file_counts_once(tmp_path: Path) -> None:
    """Links upwards, in circles, to a file or a folder of the same class, and hard ones."""
    root = tmp_path / "photos"
    write(root, "cats", "cats/deep", "dogs")
    (root / "cats" / "up").symlink_to("..")
    (root / "dogs" / "top").symlink_to(tmp_path)
    (root / "all").symlink_to(".")
    (root / "cats" / "again").symlink_to("deep")
    (root / "cats" / "deep" / "round").symlink_to(root / "cats")
    (root / "cats" / "00.png").symlink_to("0.png")
    os.link(root / "dogs" / "0.png", root / "dogs" / "9.png")
    (root / "loop.png").symlink_to("loop.png")  # in no class
    expected = ["cats/0.png", "cats/1.png", "cats/deep/0.png", "cats/deep/1.png", "dogs/0.png", "dogs/1.png"]
    (root / "loop.png").unlink()
    assert names(root) == expected
    assert ImageFolder(str(root)).spec.class_names == ("cats", "dogs")


def test_links_to_folders_elsewhere_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "store", "cats", "dogs")
    (tmp_path / "root").mkdir()
    for name in ("cats", "dogs"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "store" / name)
    assert len(names(tmp_path / "root")) == 4


def test_one_file_in_two_classes_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "cats", "dogs")
    (tmp_path / "katzen").symlink_to("cats")
    with pytest.raises(ConfigError, match=r"cats/\d.png and katzen/\d.png are one file in two classes"):
        _ = ImageFolder(str(tmp_path)).sizes


def test_files_shared_with_the_training_set_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "train/a", "train/b", "test/a", "test/b")
    (tmp_path / "val").symlink_to("test")
    (tmp_path / "test" / "a" / "0.png").unlink()
    (tmp_path / "test" / "a" / "0.png").symlink_to("../../train/a/1.png")
    assert ImageFolder(str(tmp_path)).sizes == {"train": 4, "val": 4, "test": 4}
    assert len(caplog.messages) == 2
    assert "1 of the test images are files of the training set" in "".join(caplog.messages)


@pytest.mark.parametrize("name", ["dogs/broken.png", "dogs/deep/b.JPG", "cows"])
def test_a_dangling_link_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, "cats", "dogs", "dogs/deep")
    (tmp_path / name).symlink_to("/nonexistent/x")
    with pytest.raises(
        ConfigError, match=rf"dataset.root: .*/{name}, a link to /nonexistent/x, cannot be read"
    ):
        _ = ImageFolder(str(tmp_path)).sizes


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, "cats", "dogs")
    os.mkfifo(tmp_path / "cats" / "pipe.png")
    with pytest.raises(ConfigError, match=r"pipe.png is no regular file"):
        _ = ImageFolder(str(tmp_path)).sizes


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    write(tmp_path, "cats", "dogs")
    splits = ImageFolder(str(tmp_path), test_fraction=0).load()
    (tmp_path / "dogs" / "1.png").unlink()
    with pytest.raises(DamagedFile, match=r"dogs/1.png cannot be read \(No such file"):
        fingerprint(splits, {})
    with pytest.raises(DamagedFile, match=r"dogs/1.png"):
        fetch(splits.train, [0, 1, 2, 3], seed=0, epoch=0)


@pytest.mark.parametrize(
    "suffix", ["jfif", "JPE", "Webp", "tif", "PPM", "pbm", "jp2", "tga", "dib", "qoi", "avif"]
)
def test_other_suffixes_that_can_be_decoded_are_images(tmp_path: Path, suffix: str) -> None:
    kind = {"jfif": "JPEG", "jpe": "JPEG", "tif": "TIFF", "pbm": "PPM", "jp2": "JPEG2000"}.get(
        suffix.lower(), suffix.upper()
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (16, 16), (200, 0, 0)).save(tmp_path / name / f"x.{suffix}", format=kind)
    images = ImageFolder(str(tmp_path), image_size=8, test_fraction=0).load().train
    assert fetch(images, [0], seed=0, epoch=0)[0][0].float().mean((1, 2))[0] > 150


def test_names_that_are_not_utf_8(command: Command) -> None:
    root = Path("photos")
    for name in (b"caf\xe9", b"\xff\xfe", b"plain"):
        write(root, os.fsdecode(name), count=4)
    named = root / "plain" / os.fsdecode(b"\xe9.png")
    (root / "plain" / "0.png").rename(named)
    data = ["dataset=image_folder", f"dataset.root={root}", "dataset.image_size=8", "dataset.workers=0"]
    command(*TINY, *data, "hydra.run.dir=run")
    assert record_of(Path("run"))["classes"] == ["caf\\xe9", "plain", "\\xff\\xfe"]
    named.write_bytes(b"no picture")
    said = command(*TINY, *data, "hydra.run.dir=broken", code=1)
    assert "cannot be read as an image" in said.err
    assert "Traceback" not in said.err
    assert "\udce9" in record_of(only_run(Path("broken")))["reason"]
