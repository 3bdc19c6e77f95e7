"""The well-known data sets: the embedded one is what its script makes, the others are found or explained."""

from __future__ import annotations

import gzip
import runpy
import urllib.request
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch

from sweepboard import vision
from sweepboard.data.datasets import fashion_mnist, mnist_cifar
from sweepboard.data.datasets.fashion_mnist import EMBEDDED, FashionMini, FashionMNIST
from sweepboard.data.datasets.idx import write_idx
from sweepboard.data.datasets.mnist_cifar import CIFAR10, MNIST, read_idx_set
from sweepboard.data.types import Splits, TensorSplit
from sweepboard.errors import DamagedFile, UserError

FULL = mnist_cifar.SYSTEM / "fashion-mnist"
needs_full_set = pytest.mark.skipif(not FULL.is_dir(), reason="needs Debian's package dataset-fashion-mnist")


def tensors(split: Any) -> TensorSplit:
    assert isinstance(split, TensorSplit)
    return split


def pixels_of(splits: Splits) -> set[int]:
    return set(tensors(splits.train).inputs.flatten().tolist())


def write_tiny_set(folder: Path, pixel: int, suffix: str = "") -> None:
    """Two training images and one test image, every pixel with the value `pixel`."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 2), ("t10k", 1)):
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", np.full((count, 28, 28), pixel, np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", np.arange(count, dtype=np.uint8))


@needs_full_set
@pytest.mark.slow
def test_the_embedded_set_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    script = EMBEDDED.parent / "make_fashion_mini.py"
    if not script.is_file():
        pytest.skip("an installed wheel does not contain the script")
    runpy.run_path(str(script))["make_fashion_mini"](FULL, tmp_path)
    names = sorted(path.name for path in EMBEDDED.glob("*.gz"))
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert len(names) == 4
    for name in names:
        made, kept = (tmp_path / name).read_bytes(), (EMBEDDED / name).read_bytes()
        assert gzip.decompress(made) == gzip.decompress(kept)
        if zlib.ZLIB_RUNTIME_VERSION.startswith("1.2."):  # other makes of zlib may compress differently
            assert made == kept


def test_the_embedded_set_is_balanced_and_licensed() -> None:
    splits = FashionMini().load()
    for split, per_class in ((splits.train, 1000), (splits.test, 200)):
        assert tensors(split).targets.bincount().tolist() == [per_class] * 10
    train = tensors(splits.train)
    assert (train.inputs.dtype, train.targets.dtype) == (torch.uint8, torch.int64)
    assert train.inputs.shape == (10_000, 1, 28, 28)
    assert (train.inputs / 255).mean().item() == pytest.approx(FashionMini.spec.mean[0], abs=0.003)
    assert (train.inputs / 255).std().item() == pytest.approx(FashionMini.spec.std[0], abs=0.003)
    assert "Zalando SE" in (EMBEDDED / "LICENSE").read_text(encoding="utf-8")


@needs_full_set
def test_the_full_set_is_found_where_debian_puts_it(tmp_path: Path) -> None:
    splits = FashionMNIST(str(tmp_path)).load()
    assert {"train": len(splits.train), "test": len(splits.test)} == FashionMNIST.sizes  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", [FashionMNIST, MNIST])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_in_root_go_before_the_system_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: type, suffix: str
) -> None:
    monkeypatch.setattr(mnist_cifar, "SYSTEM", tmp_path / "system")
    monkeypatch.setattr(fashion_mnist, "SYSTEM", tmp_path / "system")
    root, system_name = (
        tmp_path / "root",
        {"MNIST": "mnist", "FashionMNIST": "fashion-mnist"}[source.__name__],
    )
    for pixel, folder in enumerate((tmp_path / "system" / system_name, root, root / source.__name__ / "raw")):
        write_tiny_set(folder, pixel, suffix)
        assert pixels_of(source(str(root)).load()) == {pixel}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([0, 12, 3], "label 12, but there are 10 classes"),
        ([0, 10, 1], "label 10, but there are 10 classes"),
        ([0, 1, 255], "label 255, but there are 10 classes"),
        ([0, 1], r"shape \(3, 28, 28\) and \(2,\)"),
    ],
)
def test_labels_that_do_not_fit_are_named(tmp_path: Path, labels: list[int], told: str) -> None:
    for wrong in ("train", "t10k"):
        for part in ("train", "t10k"):
            given = labels if part == wrong else [0, 9, 3]
            write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((3, 28, 28), np.uint8))
            write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.array(given, np.uint8))
        with pytest.raises(DamagedFile, match=f"{wrong}-labels-idx1-ubyte.*{told}"):
            read_idx_set(tmp_path)


@pytest.mark.parametrize("source", [FashionMNIST, MNIST, CIFAR10])
def test_a_failed_download_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: type
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(mnist_cifar, "SYSTEM", tmp_path / "system")
    monkeypatch.setattr(fashion_mnist, "SYSTEM", tmp_path / "system")
    with pytest.raises(UserError, match=f"{source.__name__} is not in .* cannot be downloaded") as caught:
        source(str(tmp_path / "root")).load()
    message = str(caught.value)
    assert "no network" in message
    assert "dataset.root" in message
    assert ("dataset-fashion-mnist" in message) == (source is FashionMNIST)
    assert "\n" not in message


def test_a_download_lands_in_root_and_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake_dataset(root: Path, download: bool) -> None:
        assert download
        write_tiny_set(root / "MNIST" / "raw", pixel=7)

    monkeypatch.setattr(mnist_cifar, "SYSTEM", tmp_path / "system")
    monkeypatch.setattr(mnist_cifar, "import_torchvision", lambda _: SimpleNamespace(MNIST=fake_dataset))
    assert pixels_of(MNIST(str(tmp_path)).load()) == {7}


def test_cifar_pixels_are_channels_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(2 * 32 * 32 * 3, dtype=np.int64).reshape(2, 32, 32, 3).astype(np.uint8)

    def fake_dataset(root: Path, train: bool, download: bool) -> SimpleNamespace:
        assert not download
        return SimpleNamespace(data=pixels, targets=[3, 9])

    monkeypatch.setattr(mnist_cifar, "import_torchvision", lambda _: SimpleNamespace(CIFAR10=fake_dataset))
    train = tensors(CIFAR10(str(tmp_path)).load().train)
    assert train.inputs.is_contiguous()
    assert train.inputs[1, 2, 30, 7] == pixels[1, 30, 7, 2]
    assert train.targets.tolist() == [3, 9]


def test_torch_and_torchvision_of_different_builds_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_import(_: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(vision, "import_module", broken_import)
    with pytest.raises(UserError, match="different builds") as caught:
        vision.import_torchvision()
    assert "\n" not in str(caught.value)


def test_other_import_errors_stay_bugs(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_import(_: str) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(vision, "import_module", broken_import)
    with pytest.raises(RuntimeError, match="something else"):
        vision.import_torchvision()
