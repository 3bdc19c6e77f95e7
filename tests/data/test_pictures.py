"""Decoded pictures that are kept: used when they fit their files, never when stale, torn or damaged."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from sweepboard.data import cache, pictures
from sweepboard.data.cache import cache_folder
from sweepboard.data.datasets import image_splits
from sweepboard.data.images import read_image, read_picture
from sweepboard.errors import DamagedFile
from tests.data.test_jpeg import photograph
from tests.data.test_views import epoch, equal, prepared


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        path = tmp_path / "photos" / "train" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(60 + number, 90).save(path)
    return tmp_path / "photos"


def entries() -> list[Path]:
    return [path for path in cache_folder().glob("pictures-*/*") if path.is_dir()]


@pytest.fixture
def decoding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are decoded, in this process."""
    decoded: list[str] = []

    def noted(read: Any) -> Any:
        def inner(path: Path, *words: Any) -> Any:
            decoded.append(path.name)
            return read(path, *words)

        return inner

    monkeypatch.setattr(image_splits, "read_image", noted(read_image))
    monkeypatch.setattr(pictures, "read_picture", noted(read_picture))
    return decoded


def test_each_picture_is_decoded_once(folder: Path, decoding: list[str]) -> None:
    plain = epoch(prepared(folder, workers=0).train, 1)
    decoding.clear()
    first = prepared(folder, in_memory=True)
    assert len(decoding) == 12
    assert equal(epoch(first.train, 1), plain)
    again = prepared(folder, in_memory=True)
    assert equal(epoch(again.train, 1), plain)
    assert len(decoding) == 12
    assert len(entries()) == 1


def test_an_edited_file_is_seen(folder: Path, decoding: list[str]) -> None:
    prepared(folder, in_memory=True)
    before = entries()
    photograph(60, 90).rotate(180).save(folder / "train" / "a" / "4.jpg")
    decoding.clear()
    kept = prepared(folder, in_memory=True)
    assert len(decoding) == 12
    assert entries() != before
    assert len(entries()) == 1
    assert equal(epoch(kept.train, 0), epoch(prepared(folder).train, 0))


def test_another_size_or_decoder_is_another_entry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(folder, in_memory=True)
    monkeypatch.setattr(image_splits, "decoder", lambda: "another-1.0")
    prepared(folder, in_memory=True)
    assert len(entries()) == 2


def damage_a_pixel(entry: Path) -> None:
    content = bytearray((entry / "pixels").read_bytes())
    content[1000] ^= 1
    (entry / "pixels").write_bytes(content)


def lose_the_end(entry: Path) -> None:
    os.truncate(entry / "pixels", 5000)


def lose_the_index(entry: Path) -> None:
    (entry / "index.npy").write_bytes(b"\x93NUMPY")


def lose_everything(entry: Path) -> None:
    (entry / "pixels").unlink()


@pytest.mark.parametrize(
    ("damage", "decoded"),
    [(damage_a_pixel, 1), (lose_the_end, 12), (lose_the_index, 12), (lose_everything, 12)],
)
def test_a_damaged_entry_is_not_used(folder: Path, decoding: list[str], damage: Any, decoded: int) -> None:
    plain = epoch(prepared(folder, in_memory=True, val_fraction=0).train, 0)
    damage(entries()[0])
    decoding.clear()
    assert equal(epoch(prepared(folder, in_memory=True, val_fraction=0).train, 0), plain)
    assert len(decoding) == decoded


def test_a_run_that_was_killed_while_it_wrote_leaves_no_entry(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "write_array", killed)
    with pytest.raises(KeyboardInterrupt):
        prepared(folder, in_memory=True)
    assert entries() == []


def test_a_full_disk_is_told_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "write_array", full)
    with caplog.at_level(logging.WARNING):
        kept = prepared(folder, in_memory=True)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "decoded pictures are not kept"
    ]
    assert caplog.records[0].message.endswith("No space left on device")
    assert entries() == []
    assert equal(epoch(kept.train, 0), epoch(prepared(folder).train, 0))


def test_pictures_that_do_not_fit_are_read_in_each_epoch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pictures, "total_memory", lambda: 100_000)
    kept = prepared(folder, in_memory=True)
    assert "12 pictures take more than the 0.0 GB" in caplog.text
    assert entries() == []
    assert equal(epoch(kept.train, 0), epoch(prepared(folder).train, 0))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_picture_is_named(folder: Path, workers: int) -> None:
    victim = folder / "train" / "b" / "7.jpg"
    victim.write_bytes(victim.read_bytes()[:700])
    with pytest.raises(DamagedFile, match=r"b/7\.jpg cannot be read as an image"):
        prepared(folder, in_memory=True, workers=workers)
    assert entries() == []


@pytest.mark.slow
def test_pictures_are_mapped_anew_where_they_are_sent(folder: Path) -> None:
    from multiprocessing.reduction import ForkingPickler

    train = prepared(folder, in_memory=True, workers=1, multiprocessing_context="spawn").train
    assert equal(epoch(train, 0), epoch(prepared(folder).train, 0))
    kept = pictures.Pictures(entries()[0], torch.zeros(1, 4, dtype=torch.int64).numpy())
    kept.get(0)
    assert len(ForkingPickler.dumps(kept)) < 2000
