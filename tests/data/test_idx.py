"""IDX files: what is written is read back, and damage is told with the file's name."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sweepboard.data.datasets.idx import read_idx, write_idx
from sweepboard.errors import DamagedFile

DTYPES = st.sampled_from(["u1", "i1", "<i2", ">i4", "f4", "f8"])
ARRAYS = DTYPES.flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=1, max_dims=4, max_side=5))
)


@settings(deadline=None)
@given(array=ARRAYS, suffix=st.sampled_from(["", ".gz"]))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("idx") / f"array{suffix}"
    write_idx(path, array)
    read = read_idx(path)
    assert read.dtype.isnative
    assert read.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(read, array)


def test_equal_arrays_give_equal_files(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(12, dtype=np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_the_format_is_the_published_one(tmp_path: Path) -> None:
    write_idx(tmp_path / "x", np.array([[1, 2, 258]], np.int32))
    expected = bytes([0, 0, 0x0C, 2, 0, 0, 0, 1, 0, 0, 0, 3]) + bytes([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 2])
    assert (tmp_path / "x").read_bytes() == expected


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: b"", "unpack"),
        (lambda whole: b"GIF89a" + whole[6:], "first bytes"),
        (lambda whole: whole[:-1], "ends after 99 of 100 bytes"),
        (lambda whole: whole + b"\0", "goes on after"),
        (lambda whole: whole[:4] + b"\xff\xff\xff\xff" + whole[8:], "4294967295"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damage_names_the_file(
    tmp_path: Path, damage: Callable[[bytes], bytes], reason: str, suffix: str
) -> None:
    path = tmp_path / f"images{suffix}"
    write_idx(path, np.arange(100, dtype=np.uint8))
    whole = path.read_bytes() if not suffix else gzip.decompress(path.read_bytes())
    path.write_bytes(damage(whole) if not suffix else gzip.compress(damage(whole)))
    with pytest.raises(DamagedFile, match=reason) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_any_flipped_bit_of_a_gzipped_file_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    array = np.arange(50, dtype=np.uint8)
    write_idx(path, array)
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        try:
            np.testing.assert_array_equal(read_idx(path), array)
        except DamagedFile:
            continue
