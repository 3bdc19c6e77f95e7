"""Random parts of pictures: functions of (seed, epoch, sample), drawn as everywhere in the field."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sweepboard.data.batches import SplitBatches
from sweepboard.data.datasets.fashion_mnist import FashionMini
from sweepboard.data.datasets.image_folder import ImageFolder
from sweepboard.data.loader import LoaderReader
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Batch, Batches, Data
from sweepboard.data.views import MIDDLE, RandomViews, random_box
from sweepboard.errors import ConfigError
from sweepboard.settings import DatasetSettings
from tests.data.test_jpeg import photograph


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(24):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.{'png' if number % 5 == 0 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        turned = photograph(60 + number, 90)
        (turned.transpose(Image.Transpose.ROTATE_90) if number % 3 == 0 else turned).save(path)
    return tmp_path / "photos"


def prepared(root: Path, epochs: int = 0, seed: int = 0, **settings: Any) -> Data:
    chosen = {
        "batch_size": 4,
        "eval_batch_size": 4,
        "in_memory": False,
        "augment": "resized_crop_flip",
        "val_fraction": 0.2,
        **settings,
    }
    source = ImageFolder(str(root), image_size=16)
    return prepare_data(source, DatasetSettings(**chosen), seed, torch.device("cpu"), epochs=epochs)


def equal(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(a, b)
        for one, other in zip(first, second, strict=True)
        for a, b in zip(one, other)  # noqa: B905
    )


def epoch(batches: Batches | None, number: int, start: int = 0) -> list[Batch]:
    assert batches is not None
    return list(batches.epoch(number, start))


@pytest.mark.parametrize(
    "settings",
    [{"workers": 1}, {"workers": 3}, {"workers": 2, "in_memory": True}, {"in_memory": True}],
    ids=str,
)
def test_bits_do_not_depend_on_who_reads(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plain, other = prepared(folder), prepared(folder, epochs=3, **settings)
    assert plain.fingerprint == other.fingerprint
    for number in range(3):
        assert equal(epoch(plain.train, number), epoch(other.train, number))
        assert equal(epoch(plain.val, 0), epoch(other.val, 0))
    assert equal(epoch(plain.train, 2, start=3), epoch(other.train, 2, start=3))
    assert equal(epoch(plain.test, 0), epoch(other.test, 0))


def test_each_epoch_and_each_seed_shows_other_parts(folder: Path) -> None:
    whole = {"batch_size": 32, "shuffle": False, "val_fraction": 0}
    shown = [
        epoch(prepared(folder, seed=seed, **whole).train, number)[0][0]
        for seed, number in ((0, 0), (0, 1), (1, 0))
    ]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (shown[first] != shown[second]).flatten(1).any(1).all()


def test_held_out_samples_are_the_middles(folder: Path) -> None:
    viewed, plain = prepared(folder), prepared(folder, augment="none")
    assert equal(epoch(viewed.val, 0), epoch(plain.val, 0))
    assert equal(epoch(viewed.test, 0), epoch(plain.test, 0))
    assert equal([viewed.train.first(5)], [plain.train.first(5)])
    assert not equal(epoch(viewed.train, 0), epoch(plain.train, 0))


def test_flips_are_chosen(folder: Path) -> None:
    views = [RandomViews(0, flip=True).of(0, sample) for sample in range(400)]
    assert 150 < sum(view.mirrored for view in views) < 250
    unflipped = [RandomViews(0).of(0, sample) for sample in range(400)]
    assert not any(view.mirrored for view in unflipped)
    assert [view.box(50, 70) for view in views] == [view.box(50, 70) for view in unflipped]


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (30, 1000), (1, 1), (7, 2)])
def test_parts_are_drawn_as_torchvision_draws_them(height: int, width: int) -> None:
    from torchvision.transforms import RandomResizedCrop

    draws, picture = Random(0), torch.zeros(3, height, width)
    ours = np.array([random_box(draws, 0.08, height, width) for _ in range(2000)])
    torch.manual_seed(0)
    drawn = [RandomResizedCrop.get_params(picture, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(2000)]
    theirs = np.array([[int(value) for value in box] for box in drawn])
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, 2:] > 0).all()
    assert (ours[:, :2] + ours[:, 2:] <= [height, width]).all()
    scale = 0.05 * max(height, width) ** 0.5 * max(1, min(height, width)) ** 0.5 + 1e-9
    assert np.abs(ours.mean(0) - theirs.mean(0)).max() <= scale
    assert np.abs(ours.std(0) - theirs.std(0)).max() <= scale


def test_the_smallest_area_is_a_setting() -> None:
    draws = Random(0)
    areas = [
        box.height * box.width / 10_000 for box in (random_box(draws, 0.5, 100, 100) for _ in range(500))
    ]
    assert 0.48 < min(areas) < 0.6
    assert MIDDLE.box(10, 30) == (0, 10, 10, 10)


def test_data_that_are_no_files_are_refused() -> None:
    settings = DatasetSettings(augment="resized_crop")
    with pytest.raises(ConfigError, match=r"dataset.augment=resized_crop: only for pictures that are read"):
        prepare_data(FashionMini(), settings, 0, torch.device("cpu"))


def test_workers_read_ahead_into_the_next_epoch_but_not_beyond_the_last(folder: Path) -> None:
    data, plain = prepared(folder, epochs=2, workers=2), prepared(folder)
    assert isinstance(data.train, SplitBatches)
    assert isinstance(data.train.reader, LoaderReader)
    given = data.train.reader._fetcher._keys.given
    assert equal(epoch(data.train, 0), epoch(plain.train, 0))
    assert [number for number, _ in given] == [1, 1, 1, 1]
    assert equal(epoch(data.train, 1), epoch(plain.train, 1))
    assert not given
    assert equal(epoch(data.train, 0, start=2), epoch(plain.train, 0, start=2))  # not what was read ahead
    assert equal(epoch(data.train, 0), epoch(plain.train, 0))
