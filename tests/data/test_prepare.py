"""Settings are checked before anything is read; splits, sizes and fingerprints are as promised."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sweepboard.data.datasets.fashion_mnist import FashionMini, FashionMNIST
from sweepboard.data.datasets.image_splits import ImageFiles
from sweepboard.data.datasets.synthetic import Gaussian, Line
from sweepboard.data.loading import Loading
from sweepboard.data.memory import into_memory
from sweepboard.data.prepare import prepare_data
from sweepboard.data.splits import batches_per_epoch, check_settings, split_sizes
from sweepboard.data.types import Data, DataSpec, Splits, TensorSplit
from sweepboard.errors import ConfigError, DamagedFile
from sweepboard.settings import DatasetSettings

CPU = torch.device("cpu")


class Numbered:
    """20 training and 6 test samples, each of which is its own number, and `val` for validation."""

    spec = DataSpec((1,), target_shape=(1,))

    def __init__(self, val: int = 0, sizes: dict[str, int] | None = None) -> None:
        self._parts = {"train": 20, "test": 6, **({"val": val} if val else {})}
        self.sizes = sizes or self._parts

    def load(self) -> Splits:
        numbers = {name: torch.arange(size).float()[:, None] for name, size in self._parts.items()}
        return Splits(**{name: TensorSplit(values, values) for name, values in numbers.items()})


def prepared(source: Any = None, seed: int = 0, **settings: Any) -> Data:
    return prepare_data(source or Numbered(), DatasetSettings(**settings), seed, CPU)


def members(data: Data, part: str) -> list[float] | None:
    batches = getattr(data, part)
    if batches is None:
        return None
    return sorted(torch.cat([targets for _, targets in batches.epoch(0)]).flatten().tolist())


@pytest.mark.parametrize(
    ("source", "settings", "told"),
    [
        (
            FashionMini(),
            {"augment": "crop_flop"},
            "dataset.augment=crop_flop: choose from none, crop, flip, crop_flip, resized_crop, "
            "resized_crop_flip",
        ),
        (
            FashionMini(),
            {"validate_on": "tests"},
            "dataset.validate_on=tests: choose from split, test",
        ),
        (
            FashionMini(),
            {"val_fraction": 1.0},
            "dataset.val_fraction: must be at least 0 and less than 1, got 1.0",
        ),
        (
            FashionMini(),
            {"val_fraction": -0.1},
            "dataset.val_fraction: must be at least 0 and less than 1, got -0.1",
        ),
        (
            FashionMini(),
            {"val_fraction": float("nan")},
            "dataset.val_fraction: must be at least 0 and less than 1, got nan",
        ),
        (FashionMini(), {"batch_size": 0}, "dataset.batch_size: must be 1 or more, got 0"),
        (FashionMini(), {"eval_batch_size": 0}, "dataset.eval_batch_size: must be 1 or more, got 0"),
        (FashionMini(), {"workers": -1}, "dataset.workers: must be 0 or more, got -1"),
        (FashionMini(), {"augment_padding": -1}, "dataset.augment_padding: must be 0 or more, got -1"),
        (
            Gaussian(),
            {"augment": "flip"},
            "dataset.augment=flip changes images, but samples here have the shape (32,): "
            "use dataset.augment=none",
        ),
        (
            Line(),
            {"validate_on": "test"},
            "dataset.validate_on=test: this data set has no test set; use dataset.validate_on=split",
        ),
        (
            Line(samples=2),
            {"val_fraction": 0.9},
            "dataset.val_fraction=0.9 of 2 samples leaves none to train on",
        ),
        (
            Line(),
            {"batch_size": 91, "drop_last": True},
            "dataset.batch_size=91 with dataset.drop_last leaves no batch of 90 training samples",
        ),
    ],
)
def test_a_bad_setting_is_told_in_one_line(source: Any, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_settings(DatasetSettings(**settings), source)
    assert str(caught.value) == told


def test_settings_are_checked_without_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(FashionMNIST, "load")
    check_settings(DatasetSettings(), FashionMNIST("nowhere"))
    assert batches_per_epoch(DatasetSettings(val_fraction=0), FashionMNIST("nowhere")) == 938


@pytest.mark.parametrize(
    ("source", "settings", "sizes"),
    [
        (Numbered(), {}, (18, 2, 6)),
        (Numbered(), {"val_fraction": 0.0}, (20, 0, 6)),
        (Numbered(), {"val_fraction": 0.001}, (19, 1, 6)),
        (Numbered(), {"validate_on": "test"}, (20, 6, 6)),
        (Numbered(val=5), {}, (20, 5, 6)),
        (Numbered(val=5), {"validate_on": "test"}, (20, 6, 6)),
        (Line(10), {}, (9, 1, 0)),
    ],
)
def test_sizes_are_known_before_reading_and_hold(
    source: Any, settings: dict[str, Any], sizes: tuple[int, ...]
) -> None:
    planned = split_sizes(DatasetSettings(**settings), source)
    assert tuple(planned.get(part, 0) for part in ("train", "val", "test")) == sizes
    data = prepared(source, batch_size=4, **settings)
    assert tuple(len(members(data, part) or []) for part in ("train", "val", "test")) == sizes
    assert len(data.train) == batches_per_epoch(DatasetSettings(batch_size=4, **settings), source)


def test_the_validation_split_is_drawn_by_the_seed() -> None:
    def held_out(seed: int) -> list[float] | None:
        data = prepared(seed=seed, val_fraction=0.25)
        train, val = members(data, "train"), members(data, "val")
        assert sorted((train or []) + (val or [])) == list(range(20))
        return val

    assert held_out(0) == held_out(0)
    assert len({tuple(held_out(seed) or ()) for seed in range(5)}) > 1


def test_the_test_set_as_validation_is_the_test_set() -> None:
    data = prepared(validate_on="test")
    assert data.val is data.test
    assert members(data, "val") == list(range(6))


def test_files_that_hold_something_else_are_noticed() -> None:
    with pytest.raises(DamagedFile, match="Numbered should have 30 train samples, not 20"):
        prepared(Numbered(sizes={"train": 30, "test": 6}))


def test_the_fingerprint_is_of_the_data_and_the_split() -> None:
    assert prepared().fingerprint == prepared(batch_size=3, in_memory=False).fingerprint
    others = [prepared(seed=1), prepared(val_fraction=0.3), prepared(Numbered(val=5)), prepared(Line(20))]
    assert len({prepared().fingerprint, *(data.fingerprint for data in others)}) == 5


def test_one_changed_pixel_changes_the_fingerprint() -> None:
    class Changed(Numbered):
        def load(self) -> Splits:
            splits = super().load()
            assert isinstance(splits.train, TensorSplit)
            splits.train.inputs[3] += 1
            return splits

    assert prepared(Changed()).fingerprint != prepared().fingerprint


def test_what_does_not_fit_is_read_from_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    images = ImageFiles(tmp_path, [("a.png", 0)] * 10, size=8)
    monkeypatch.setattr("sweepboard.data.memory.capacity", lambda _: 4 * 10 * 3 * 8 * 8 - 1)
    assert into_memory(images, DataSpec((3, 8, 8), classes=1), CPU, Loading()) is images


def test_the_default_data_set_is_ready_to_train() -> None:
    data = prepared(FashionMini())
    inputs, targets = next(iter(data.train.epoch(0)))
    assert inputs.shape == (64, 1, 28, 28)
    assert targets.shape == (64,)
    assert abs(inputs.mean().item()) < 0.2
    assert inputs.std().item() == pytest.approx(1, abs=0.2)
