"""A user's own images: both layouts, what is told about a folder laid out otherwise, damaged files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sweepboard.data.datasets.image_folder import ImageFolder
from sweepboard.data.datasets.image_splits import ImageFiles
from sweepboard.data.images import hush_decoders, read_image
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Data
from sweepboard.errors import ConfigError, DamagedFile
from sweepboard.settings import DatasetSettings

CPU = torch.device("cpu")


def write_images(folder: Path, count: int, colour: int = 0, suffix: str = ".png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (12 + number, 10), (colour, number, 0)).save(folder / f"{number}{suffix}")


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    write_images(tmp_path / "photos" / "dogs", 20, colour=200)
    write_images(tmp_path / "photos" / "cats", 10, colour=100, suffix=".JPG")
    (tmp_path / "photos" / "notes").mkdir()
    (tmp_path / "photos" / ".cache").mkdir()
    (tmp_path / "photos" / ".cache" / "x.png").touch()
    (tmp_path / "photos" / "cats" / "readme.txt").touch()
    return tmp_path / "photos"


def prepared(root: Path, seed: int = 0, **settings: Any) -> Data:
    source = ImageFolder(str(root), image_size=8)
    chosen = {"batch_size": 4, "eval_batch_size": 4, "in_memory": False, **settings}
    return prepare_data(source, DatasetSettings(**chosen), seed, CPU)


def test_a_folder_per_class_is_divided_the_same_way_for_every_seed(flat: Path) -> None:
    source = ImageFolder(str(flat), image_size=8)
    assert source.spec.class_names == ("cats", "dogs")
    assert source.spec.input_shape == (3, 8, 8)
    assert source.sizes == {"train": 27, "test": 3}
    tests = [prepared(flat, seed).test for seed in (0, 1)]
    assert tests[0] is not None
    assert tests[1] is not None
    assert torch.equal(tests[0].first(3)[0], tests[1].first(3)[0])
    assert sorted(tests[0].first(3)[1].tolist()) == [0, 1, 1]


def test_a_new_image_displaces_one_other_at_most(flat: Path) -> None:
    def tested() -> set[str]:
        images = ImageFolder(str(flat), test_fraction=0.5).load().test
        assert isinstance(images, ImageFiles)
        return {name for name, _ in images.images}

    before = tested()
    write_images(flat / "dogs", 21)
    assert len(before - tested()) <= 1


def test_split_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    for part, count in (("train", 5), ("val", 3), ("test", 2)):
        for name in ("a", "b"):
            write_images(tmp_path / part / name, count)
    source = ImageFolder(str(tmp_path))
    assert source.sizes == {"train": 10, "val": 6, "test": 4}
    data = prepared(tmp_path)
    assert data.val is not None
    assert (data.train.size, data.val.size) == (10, 6)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "plane"):
        write_images(tmp_path / name, 10)
    assert ImageFolder(str(tmp_path)).spec.class_names == ("plane", "train")


def test_an_unknown_class_in_the_test_folder_is_named(tmp_path: Path) -> None:
    for folder in ("train/cats", "train/dogs", "test/cat"):
        write_images(tmp_path / folder, 1)
    with pytest.raises(ConfigError, match=r"dataset.root: .*test/cat is no class of .*; did you mean cats\?"):
        _ = ImageFolder(str(tmp_path)).sizes


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda _: None, "there is no folder"),
        (lambda root: root.mkdir(), "holds no folder with images"),
        (lambda root: write_images(root, 3), "holds no folder with images"),
        (lambda root: write_images(root / "all", 3), "holds only the class all"),
    ],
)
def test_a_folder_laid_out_otherwise_is_explained(tmp_path: Path, make: Any, told: str) -> None:
    make(tmp_path / "photos")
    with pytest.raises(ConfigError, match=f"dataset.root: .*{told}"):
        _ = ImageFolder(str(tmp_path / "photos")).spec


@pytest.mark.parametrize("arguments", [{"image_size": 0}, {"test_fraction": 1.0}, {"test_fraction": -0.1}])
def test_bad_arguments_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"dataset.{next(iter(arguments))} must be"):
        ImageFolder("photos", **arguments)


@pytest.mark.parametrize("settings", [{"workers": 0}, {"workers": 2}, {"in_memory": True}], ids=str)
def test_a_damaged_image_names_its_file(flat: Path, settings: dict[str, Any]) -> None:
    victim = flat / "dogs" / "7.png"
    victim.write_bytes(victim.read_bytes()[:40])

    def read_everything() -> None:
        data = prepared(flat, val_fraction=0, **settings)
        for batches in (data.train, data.test):
            assert batches is not None
            list(batches.epoch(0))

    with pytest.raises(DamagedFile, match=r"dogs/7\.png cannot be read as an image \(.+\)") as caught:
        read_everything()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_memory_and_workers_change_nothing(flat: Path) -> None:
    runs = [prepared(flat, **settings) for settings in ({}, {"workers": 2}, {"in_memory": True})]
    assert len({data.fingerprint for data in runs}) == 1
    epochs = [list(data.train.epoch(1)) for data in runs]
    for other in epochs[1:]:
        for (inputs, targets), (other_inputs, other_targets) in zip(epochs[0], other, strict=True):
            assert torch.equal(inputs, other_inputs)
            assert torch.equal(targets, other_targets)


def test_the_fingerprint_sees_an_edited_file(flat: Path) -> None:
    before = prepared(flat).fingerprint
    Image.new("RGB", (300, 200), (9, 9, 9)).save(flat / "dogs" / "3.png")
    assert prepared(flat).fingerprint != before


def test_the_first_samples_show_several_classes(flat: Path) -> None:
    assert set(prepared(flat, val_fraction=0).train.first(12)[1].tolist()) == {0, 1}


def test_images_are_scaled_and_cut_in_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, :10, 0] = wide[:, 10:20, 1] = wide[:, 20:, 2] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    pixels = read_image(tmp_path / "wide.png", 10)
    assert (pixels.shape, pixels.dtype) == ((3, 10, 10), torch.uint8)
    assert pixels.float().mean((1, 2)).tolist() == [0, 255, 0]


def test_photographs_stand_upright(tmp_path: Path) -> None:
    lying = Image.new("RGB", (20, 20), "black")
    lying.paste("white", (0, 0, 20, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    lying.save(tmp_path / "lying.png", exif=exif)
    pixels = read_image(tmp_path / "lying.png", 20)
    assert pixels[:, :, 15].min() == 255
    assert pixels[:, :, 5].max() == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_image_becomes_8_bit_colour(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((6, 6), 128 << 8, np.uint16))
    else:
        image = Image.new("L", (6, 6), 128).convert(mode)
    image.save(tmp_path / "image.tif")
    pixels = read_image(tmp_path / "image.tif", 6)
    assert pixels.shape == (3, 6, 6)
    assert pixels.float().mean().item() == pytest.approx(128, abs=2)


RAMP = np.linspace(0, 65535, 4096).reshape(64, 64)


def pgm(values: np.ndarray[Any, Any], most: int) -> bytes:
    return b"P5 64 64 %d\n" % most + values.astype(">u2" if most > 255 else "u1").tobytes()


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("pgm", pgm(RAMP, 65535)),
        ("pgm", pgm(RAMP / 16, 4095)),
        ("pgm", pgm(RAMP / 64, 1023)),
        ("pgm", pgm((RAMP / 655.35).round(), 100)),
        ("tif", Image.fromarray(RAMP.astype(np.int32))),
        ("tif", Image.fromarray((RAMP / 65535).astype(np.float32))),
        ("tif", Image.fromarray(RAMP.astype(np.uint16))),
        ("png", Image.fromarray(RAMP.astype(np.uint16))),
        ("tif", Image.fromarray((RAMP / 257).astype(np.uint8))),
        ("pfm", Image.fromarray((RAMP / 65535).astype(np.float32))),
    ],
)
def test_images_of_every_depth_are_scaled(tmp_path: Path, suffix: str, content: bytes | Image.Image) -> None:
    path = tmp_path / f"ramp.{suffix}"
    path.write_bytes(content) if isinstance(content, bytes) else content.save(path)
    pixels = read_image(path, 64).float()
    assert pixels.mean().item() == pytest.approx(127.5, abs=1)
    assert (float(pixels.min()), float(pixels.max())) == (0, 255)


@pytest.mark.parametrize("turned", ["II", "MM"])
def test_deep_photographs_stand_upright(tmp_path: Path, turned: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    grey = RAMP.astype(np.int32) if turned == "II" else RAMP.astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "ramp.tif", exif=exif)
    pixels = read_image(tmp_path / "ramp.tif", 64)
    assert pixels[0, 0, 0] == 255
    assert pixels[0, -1, -1] == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (RAMP * 1000, "whole numbers of 32 bits from 0 to 6.5535e"),
        (RAMP - 30000, "whole numbers of 32 bits from -30000 to 35535"),
        (RAMP / 257, "whole numbers of 32 bits from 0 to 255"),
        ((RAMP / 257).astype(np.float32), "real numbers from 0 to 255"),
        (np.where(RAMP > 9, RAMP / 65535, np.nan).astype(np.float32), "real numbers from nan to nan"),
    ],
)
def test_depths_of_which_nothing_tells_what_white_is_are_refused(
    tmp_path: Path, values: np.ndarray[Any, Any], told: str
) -> None:
    whole = values if values.dtype == np.float32 else values.astype(np.int32)
    Image.fromarray(whole).save(tmp_path / "x.tif")
    with pytest.raises(DamagedFile, match=rf"x.tif cannot be read as an image \(its pixels are {told}"):
        read_image(tmp_path / "x.tif", 64)


def test_black_is_black_in_every_depth(tmp_path: Path) -> None:
    for number, kind in enumerate((np.int32, np.float32, np.uint16)):
        Image.fromarray(np.zeros((4, 4), kind)).save(tmp_path / f"{number}.tif")
        assert read_image(tmp_path / f"{number}.tif", 4).max() == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_large_pictures_are_read_without_a_warning(
    flat: Path, workers: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 160)
    data = prepared(flat, workers=workers)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        hush_decoders()
        for _ in data.train.epoch(0):
            pass
    assert capfd.readouterr().err == ""


def test_a_picture_too_large_to_be_decoded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("L", (20, 20)).save(tmp_path / "huge.png")
    with pytest.raises(DamagedFile, match=r"huge.png cannot be read as an image \(Image size \(400 pixels\)"):
        read_image(tmp_path / "huge.png", 8)
