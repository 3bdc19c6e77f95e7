"""Decoded once, then mapped: the same numbers, whatever happens to the files or to the cache."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sweepboard.data import cache
from sweepboard.data.cache import cache_folder, cached
from sweepboard.data.types import TensorSplit


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "numbers"
    path.write_bytes(bytes(range(12)))
    return path


def decoder(source: Path) -> Callable[[], TensorSplit]:
    """Reads the file's bytes as three samples of four pixels; counts its calls in the file's neighbour."""

    def decode() -> TensorSplit:
        with source.with_name("calls").open("a") as calls:
            calls.write("x")
        pixels = torch.frombuffer(bytearray(source.read_bytes()), dtype=torch.uint8).view(3, 1, 2, 2)
        return TensorSplit(pixels, torch.arange(3))

    return decode


def get(source: Path) -> TensorSplit:
    return cached("numbers", [source], decoder(source))


def calls(source: Path) -> int:
    return len(source.with_name("calls").read_text())


def entries() -> list[Path]:
    return [path for path in cache_folder().glob("*/*") if path.is_dir()]


def equal(first: TensorSplit, second: TensorSplit) -> bool:
    return torch.equal(first.inputs, second.inputs) and torch.equal(first.targets, second.targets)


def test_what_is_mapped_equals_what_was_decoded(source: Path) -> None:
    splits = [get(source), get(source), get(source)]
    assert calls(source) == 1
    fresh = decoder(source)()
    assert all(equal(split, fresh) for split in splits)
    assert all(split.inputs.dtype == torch.uint8 and split.targets.dtype == torch.int64 for split in splits)


def test_a_changed_file_is_decoded_again_and_its_old_entry_goes(source: Path) -> None:
    get(source)
    status = source.stat()
    source.write_bytes(bytes(range(100, 112)))
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))  # an edit that hides
    assert get(source).inputs.flatten().tolist() == list(range(100, 112))
    assert calls(source) == 2
    assert len(entries()) == 1


def test_writing_to_the_tensors_leaves_the_entry_alone(source: Path) -> None:
    get(source).inputs.zero_()
    assert get(source).inputs.flatten().tolist() == list(range(12))


@pytest.mark.parametrize("part", ["inputs.npy", "targets.npy"])
@pytest.mark.parametrize("keep", [0, 20, -1])
def test_a_damaged_entry_is_made_again(source: Path, part: str, keep: int) -> None:
    get(source)
    (entry,) = entries()
    content = (entry / part).read_bytes()
    (entry / part).write_bytes(content[:keep])
    assert equal(get(source), decoder(source)())
    assert (entry / part).read_bytes() == content


def test_an_entry_may_be_deleted_while_it_is_mapped(source: Path) -> None:
    split = get(source)
    shutil.rmtree(cache_folder())
    assert split.inputs.flatten().tolist() == list(range(12))
    assert equal(get(source), split)


@pytest.mark.parametrize("trouble", ["a file in the way", "hardly any room"])
def test_where_nothing_can_be_kept_the_data_is_used_all_the_same(
    source: Path, trouble: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if trouble == "a file in the way":
        cache_folder().parent.mkdir(parents=True)
        cache_folder().touch()
    else:
        monkeypatch.setattr(cache, "SHARE", 10**18)
    with caplog.at_level(logging.WARNING):
        assert equal(get(source), decoder(source)())
    assert "decoded data cannot be cached" in caplog.text
    assert not entries()


def test_a_user_without_a_home_can_read(
    source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with caplog.at_level(logging.WARNING):
        assert equal(get(source), decoder(source)())
    assert "decoded data cannot be cached: Could not determine home directory." in caplog.text


def test_two_settings_and_two_files_have_an_entry_each(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "others"
    shutil.copy(source, other)
    for name, path in [("a", source), ("b", source), ("a", other)]:
        cached(name, [path], decoder(path))
    assert calls(source) == 3
    assert len(entries()) == 3


def test_without_files_nothing_is_kept(source: Path) -> None:
    for _ in range(2):
        cached("numbers", [], decoder(source))
    assert calls(source) == 2
    assert not cache_folder().exists()


def test_of_processes_that_ask_at_once_one_decodes(source: Path) -> None:
    program = f"""
import os
from pathlib import Path
from tests.data.test_cache import get

begun, begin = os.pipe()
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        os.close(begin)
        os.read(begun, 1)  # all go on when the other end is closed
        os.write(1, b"%d " % get(Path({str(source)!r})).inputs.sum().item())  # at once, unlike print
        os._exit(0)
    children.append(child)
os.close(begin)
for child in children:
    os.waitpid(child, 0)
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["66"] * 3
    assert calls(source) == 1


def test_mappings_share_their_memory(source: Path) -> None:
    def big() -> TensorSplit:
        return TensorSplit(torch.ones(1 << 20, 4, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))

    inputs = cached("big", [source], big).inputs
    assert inputs.sum() == 4 << 20  # every page is looked at
    assert _private_kib(inputs) == 0
    inputs[0] = 2
    assert 0 < _private_kib(inputs) <= 64


def _private_kib(tensor: Tensor) -> int:
    """What this process has for itself of the mapping that holds `tensor`."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            inside = start <= tensor.data_ptr() < end
        elif inside and line.startswith("Private_Dirty:"):
            return int(line.split()[1])
    raise AssertionError("the tensor is in no mapping")


@pytest.mark.parametrize("part", ["inputs", "targets"])
@pytest.mark.parametrize("place", [-1, -4])
def test_a_flipped_byte_is_found_and_the_data_decoded_again(source: Path, part: str, place: int) -> None:
    first = get(source)
    path = entries()[0] / f"{part}.npy"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.unlink()  # and not written in place: `first` is a view of the file
    path.write_bytes(content)
    assert equal(get(source), first)
    assert calls(source) == 2
    assert equal(get(source), first)
    assert calls(source) == 2


def test_an_entry_of_another_shape_or_without_its_digest_is_made_again(source: Path) -> None:
    import numpy as np

    first = get(source)
    np.save(entries()[0] / "targets.npy", np.arange(4))
    assert equal(get(source), first)
    (entries()[0] / "crc32c").unlink()
    assert equal(get(source), first)
    assert calls(source) == 3
