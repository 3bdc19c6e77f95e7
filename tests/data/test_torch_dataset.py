"""Data sets of other people: described by their first sample, whatever they give."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.plain_samples import Plain
from sweepboard.data.datasets.synthetic import Gaussian
from sweepboard.data.prepare import prepare_data
from sweepboard.data.splits import check_settings
from sweepboard.data.types import Data, DataSpec, Source
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import DatasetSettings
from sweepboard.vision import import_torchvision


class Listed(Dataset[Any]):
    """A data set of the given samples, with the given attributes."""

    def __init__(self, *samples: Any, **attributes: Any) -> None:
        self.listed = samples
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.listed)

    def __getitem__(self, index: int) -> Any:
        return self.listed[index]


def described(source: Source | Data) -> DataSpec:
    """What is known of the pairs of a source."""
    assert source.spec is not None
    return source.spec


def prepared(train: Any, test: Any = None, **settings: Any) -> Data:
    chosen = {"val_fraction": 0.0, "batch_size": 4, **settings}
    return prepare_data(open_source(train, test), DatasetSettings(**chosen), 0, torch.device("cpu"))


GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
COLOUR = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)


@pytest.mark.parametrize(
    ("image", "most"),
    [
        (Image.fromarray(GREY.astype(np.uint16) * 5000), 65535 / 5000),
        (Image.fromarray(GREY.astype(np.int32) * 5000), 65535 / 5000),
        (Image.fromarray(GREY.astype(np.float32) / 11), 11),
    ],
)
def test_pixels_of_every_depth_are_scaled_and_not_clipped(image: Any, most: float) -> None:
    data = prepared(Listed((image, 1.0)))
    expected = torch.from_numpy(GREY)[None, None] / most
    torch.testing.assert_close(data.train.first(1)[0], expected, atol=1 / 255, rtol=0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Image.fromarray(GREY), torch.from_numpy(GREY)[None] / 255),
        (Image.fromarray(COLOUR), torch.from_numpy(COLOUR).permute(2, 0, 1) / 255),
        (GREY, torch.from_numpy(GREY)[None] / 255),
        (COLOUR, torch.from_numpy(COLOUR).permute(2, 0, 1) / 255),
        (torch.from_numpy(COLOUR).permute(2, 0, 1), torch.from_numpy(COLOUR).permute(2, 0, 1) / 255),
        (torch.from_numpy(GREY), torch.from_numpy(GREY)[None] / 255),
        (torch.rand(2, 5, dtype=torch.float64), None),
        (np.array([1.5, 2.5]), torch.tensor([1.5, 2.5], dtype=torch.float64)),
        (np.array([1.5, 2.5], dtype=">f4"), torch.tensor([1.5, 2.5])),
        (0.25, torch.tensor([0.25])),
        (GREY.astype(np.uint16) * 5461, torch.from_numpy(GREY)[None] * (5461 / 65535)),
        (COLOUR.astype(">u2"), torch.from_numpy(COLOUR).permute(2, 0, 1) / 65535),
        (torch.full((1, 3, 4), 65535, dtype=torch.uint16), torch.ones(1, 3, 4)),
        (torch.full((3, 4), 257, dtype=torch.uint16), torch.full((1, 3, 4), 1 / 255)),
        (np.uint16(65535), torch.tensor([65535])),
        (np.arange(3, dtype=np.uint32), torch.tensor([0, 1, 2])),
        (np.arange(3), torch.tensor([0, 1, 2])),
        (torch.arange(4, dtype=torch.int32).view(2, 2), None),
        (7, torch.tensor([7])),
        (GREY > 5, torch.from_numpy(GREY > 5).float()),
    ],
)
def test_inputs_of_all_kinds_become_tensors(value: Any, expected: torch.Tensor | None) -> None:
    expected = value if expected is None else expected
    data = prepared(Listed((value, 0), classes=["a", "b"]))
    inputs, _ = data.train.first(1)
    assert inputs.dtype == expected.dtype
    assert described(data).input_shape == tuple(inputs.shape[1:])
    torch.testing.assert_close(inputs[0], expected)


@pytest.mark.parametrize(
    ("target", "tensor", "shape"),
    [
        (1, torch.tensor(1), None),
        (np.int32(1), torch.tensor(1), None),
        (torch.tensor([1]), torch.tensor(1), None),
        (True, torch.tensor(1), None),
        (0.5, torch.tensor([0.5]), (1,)),
        (np.float64(0.5), torch.tensor([0.5], dtype=torch.float64), (1,)),
        (torch.tensor([0.5, 1.5]), torch.tensor([0.5, 1.5]), (2,)),
    ],
)
def test_targets_are_classes_or_real_numbers(
    target: Any, tensor: torch.Tensor, shape: tuple[int, ...] | None
) -> None:
    data = prepared(Listed((torch.zeros(3), target), **({"num_classes": 2} if shape is None else {})))
    found = data.train.first(1)[1][0]
    assert torch.equal(found, tensor)
    assert found.dtype == tensor.dtype
    assert described(data).classes == (2 if shape is None else None)
    assert described(data).outputs == (2 if shape is None else shape[0])


@pytest.mark.parametrize(
    ("attributes", "classes"),
    [
        ({"classes": ["a", "b", "c"]}, 3),
        ({"num_classes": 4}, 4),
        ({"classes": 4}, 4),
        ({"targets": [0, 2, 1]}, 3),
    ],
)
def test_the_number_of_classes_is_what_they_tell(attributes: dict[str, Any], classes: int) -> None:
    spec = described(open_source(Listed((torch.zeros(3), 0), **attributes)))
    assert spec.classes == classes
    assert spec.class_names == (("a", "b", "c") if classes == 3 and "classes" in attributes else ())


def test_the_number_of_classes_must_come_from_somewhere() -> None:
    silent = Listed((torch.zeros(3), 0))
    with pytest.raises(ConfigError, match=r"dataset.classes: Listed does not say .*; set dataset.classes"):
        _ = open_source(silent).spec
    assert described(open_source(silent, classes=7)).classes == 7
    named = described(open_source(silent, classes=["cat", "dog"]))
    assert (named.classes, named.class_names) == (2, ("cat", "dog"))


@pytest.mark.parametrize("classes", [0, -1, 2.5, True, "cat", []])
def test_classes_are_a_number_or_names(classes: Any) -> None:
    source = open_source(Listed((torch.zeros(3), 0)), classes=classes)
    with pytest.raises(ConfigError, match=r"dataset.classes=.*: give the number of classes, or a list of"):
        _ = source.spec


def test_a_test_set_of_their_own_and_a_schedule_s_sizes() -> None:
    train, test = (
        TensorDataset(torch.rand(10, 3), torch.rand(10)),
        TensorDataset(torch.rand(4, 3), torch.rand(4)),
    )
    source = open_source(train, test)
    assert source.sizes == {"train": 10, "test": 4}
    assert source.spec == DataSpec((3,), target_shape=(1,))
    data = prepared(train, test)
    assert data.test is not None
    assert torch.equal(data.test.first(4)[0], test.tensors[0])


def test_our_own_sources_pass_through() -> None:
    source = Gaussian()
    assert open_source(source) is source
    with pytest.raises(
        ConfigError, match=r"dataset.classes: Gaussian knows its own; leave dataset.classes out"
    ):
        open_source(source, classes=3)


@pytest.mark.parametrize(
    ("train", "told"),
    [
        (object(), "object is no data set; it needs __len__ and __getitem__"),
        (Listed(), "Listed is empty"),
    ],
)
def test_what_is_no_data_set_is_refused(train: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^dataset: {told}"):
        open_source(train)
    with pytest.raises(ConfigError, match=f"^dataset.test: {told}"):
        open_source(Listed((1.0, 1.0)), train)


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (None, "must be a pair of an input and a target, not None; leave such samples out"),
        (torch.zeros(3), "must be a pair of an input and a target, not a Tensor"),
        ((torch.zeros(3), None), r"must be a pair .* not \(Tensor, NoneType\); leave such samples out"),
        ((torch.zeros(3), -100), "has class -100, but there are 2 classes counted from 0: leave it out"),
        ((torch.zeros(3), -1), "has class -1, .*: leave it out"),
        ((torch.zeros(3), torch.tensor(-2)), "has class -2, .*: leave it out"),
        ((torch.zeros(3), np.int64(-255)), "has class -255, .*: leave it out"),
        ((torch.zeros(3), 7), "has class 7, .*: set dataset.classes=8 or more"),
        ((torch.zeros(3), 1.0), "has real numbers as its target, the first has a class"),
        ((torch.zeros(3), torch.tensor([0, 1])), r"has a target of shape \(2,\) and type torch.int64"),
        (
            (Image.fromarray(np.full((3, 1), 7.0, np.float32)), 1),
            "has an image that cannot be read: its pixels",
        ),
    ],
)
def test_a_sample_in_the_middle_that_does_not_fit_is_named(sample: Any, told: str) -> None:
    good = (torch.zeros(3), 1)
    data = prepared(Listed(good, good, good, sample, good, classes=["a", "b"]))
    with pytest.raises(RunFailed, match=f"^sample 3 of Listed {told}"):
        data.train.first(5)


@pytest.mark.parametrize("target", [2.0, np.float32(2), torch.tensor([2.0]), np.array(2.0)])
def test_class_numbers_as_real_numbers_are_told(target: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"are real numbers, such as 2; .* make them whole \(target.long\(\)\)"
    ):
        _ = open_source(Listed((torch.zeros(3), target)), classes=3).spec


def test_a_class_below_zero_among_the_targets_is_told() -> None:
    with pytest.raises(ConfigError, match="has class -1, but classes are counted from 0"):
        _ = open_source(Listed((torch.zeros(3), 2), targets=[2, -1])).spec


def test_samples_of_unequal_shape_are_named() -> None:
    data = prepared(Listed((torch.zeros(3), 1.0), (torch.zeros(4), 1.0)))
    with pytest.raises(
        RunFailed, match=r"sample 1 of Listed has an input of shape \(4,\), the first has \(3,\)"
    ):
        data.train.first(2)


def test_grey_and_coloured_images_of_one_set_are_made_alike() -> None:
    mixed = Listed((Image.fromarray(COLOUR), 0), (Image.fromarray(GREY), 1), classes=["a", "b"])
    assert prepared(mixed).train.first(2)[0].shape == (2, 3, 3, 4)


def test_torchvision_s_data_sets_work_as_they_are(tmp_path: Any) -> None:
    datasets = import_torchvision("datasets")
    data = prepared(datasets.FakeData(size=6, image_size=(3, 8, 8), num_classes=5), augment="flip", workers=1)
    assert data.spec == DataSpec((3, 8, 8), classes=5)
    assert sum(len(targets) for _, targets in data.train.epoch(0)) == 6

    (tmp_path / "a").mkdir()
    Image.new("RGB", (5, 5)).save(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "2.png").write_bytes(b"not an image")
    data = prepared(datasets.ImageFolder(tmp_path))
    assert described(data).class_names == ("a",)
    with pytest.raises(RunFailed, match=r"a/2\.png cannot be read"):
        data.train.first(2)


class Reusing(Dataset[Any]):
    """Gives the same memory for each sample, filled anew."""

    def __init__(self, kind: str, target: torch.Tensor) -> None:
        self.kind, self.target = kind, target
        self.pixels = torch.zeros(1, 2, 2, dtype=torch.uint8 if kind == "uint8" else torch.float32)
        self.num_classes = 9

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        self.pixels.fill_(index)
        self.target.fill_(index)
        given: Any = self.pixels
        if self.kind == "view":
            given = self.pixels[:, :, :1]
        if self.kind == "array":
            given = self.pixels.numpy()
        return given, self.target


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("target", [torch.tensor(0), torch.zeros(2)])
@pytest.mark.parametrize("kind", ["float", "uint8", "view", "array"])
def test_memory_that_a_data_set_uses_again_holds_every_sample(
    kind: str, target: torch.Tensor, workers: int
) -> None:
    data = prepared(Reusing(kind, target.clone()), workers=workers)
    numbers = torch.arange(8.0)
    inputs, targets = data.train.first(8)
    white = 255 if kind == "uint8" else 1
    torch.testing.assert_close(inputs.flatten(1)[:, 0] * white, numbers)
    assert torch.equal(targets.reshape(8, -1)[:, 0].float(), numbers)
    seen = torch.cat([targets.reshape(len(targets), -1)[:, 0] for _, targets in data.train.epoch(0)])
    assert seen.sort().values.tolist() == numbers.tolist()


def test_samples_of_two_types_in_one_batch_are_refused() -> None:
    black, white = np.zeros((3, 4), np.uint8), torch.ones(1, 3, 4)
    data = prepared(Listed((black, 0), (white, 1), classes=["a", "b"]))
    with pytest.raises(RunFailed, match=r"^sample 1 has torch.float32 .*, sample 0 has torch.uint8"):
        data.train.first(2)


class Noisy(Listed):
    """Transforms its samples at random."""

    def __getitem__(self, index: int) -> Any:
        inputs, target = super().__getitem__(index)
        return inputs + torch.rand(inputs.shape), target


class Drawn(Listed):
    """Draws a random number for each sample, which shows in few of them."""

    def __getitem__(self, index: int) -> Any:
        inputs, target = super().__getitem__(index)
        return inputs + (1 if random.random() > 0.999999 else 0), target


class Counted(Listed):
    """Varies without any of the global generators."""

    calls = 0

    def __getitem__(self, index: int) -> Any:
        self.calls += 1
        inputs, target = super().__getitem__(index)
        return inputs + self.calls, target


class Seeded(Listed):
    """Draws the same numbers every time."""

    def __getitem__(self, index: int) -> Any:
        torch.manual_seed(index)
        inputs, target = super().__getitem__(index)
        return inputs + torch.rand(inputs.shape), target


@pytest.mark.parametrize("settings", [{"val_fraction": 0.5}, {"validate_on": "test"}, {"val_fraction": 0.0}])
@pytest.mark.parametrize(
    ("kind", "varies"), [(Noisy, True), (Drawn, True), (Counted, True), (Seeded, False), (Listed, False)]
)
def test_a_held_out_share_that_would_vary_is_refused(
    kind: type[Listed], varies: bool, settings: dict[str, Any]
) -> None:
    samples = kind(*[(torch.zeros(3), 1)] * 6, classes=["a", "b"])
    source = open_source(samples, samples, plain=Plain(remedy="dataset.eval_transform=null"))
    chosen = DatasetSettings(batch_size=4, **settings)
    if not (varies and settings == {"val_fraction": 0.5}):
        check_settings(chosen, source)
        return
    with pytest.raises(ConfigError, match=r"type dataset\.eval_transform=null; .*validate_on"):
        check_settings(chosen, source)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_held_out_share_is_read_plainly(workers: int) -> None:
    samples = [(torch.full((3,), float(number)), number % 2) for number in range(8)]
    noisy, plain = Noisy(*samples, classes=["a", "b"]), Listed(*samples)
    source = open_source(noisy, plain=Plain(plain))
    settings = DatasetSettings(val_fraction=0.5, batch_size=4, workers=workers)
    data = prepare_data(source, settings, 0, torch.device("cpu"))
    assert data.val is not None
    held_out = torch.cat([inputs for inputs, _ in data.val.epoch(0)])
    trained = torch.cat([inputs for inputs, _ in data.train.epoch(0)])
    assert torch.equal(held_out, held_out.round())
    assert not (trained == trained.round()).any()
    seen = [*held_out[:, 0].tolist(), *trained[:, 0].floor().tolist()]
    assert sorted(seen) == list(range(8))
    others = [(inputs + 1, target) for inputs, target in samples]
    changed = prepare_data(open_source(noisy, plain=Plain(Listed(*others))), settings, 0, torch.device("cpu"))
    assert changed.fingerprint != data.fingerprint


def test_plain_samples_must_fit() -> None:
    one = (torch.zeros(3), 1.0)
    with pytest.raises(ConfigError, match="eval_transform: Listed has 1 samples with it, but 2 without"):
        open_source(Listed(one, one), plain=Plain(Listed(one)))
    other = Plain(Listed((torch.zeros(4), 1.0)))
    with pytest.raises(ConfigError, match=r"eval_transform: gives inputs of shape \(4,\), but .* are \(3,\)"):
        _ = open_source(Listed(one), plain=other).spec
    with pytest.raises(ConfigError, match=r"^dataset\.eval_transform: Gaussian knows its own"):
        open_source(Gaussian(), plain=other)
