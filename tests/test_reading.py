"""Files of a run may be anybody's: none of them blocks, fills the memory or leads elsewhere."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sweepboard.files import Unreadable, read_bytes, read_json, read_text


def test_a_pipe_a_device_and_a_folder_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(Unreadable, match="no regular file"):
            read_bytes(path)


def test_a_link_is_followed_only_where_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    assert read_text(tmp_path / "link", follow=True) == "text"
    with pytest.raises(Unreadable, match="symbolic link"):
        read_text(tmp_path / "link")
    with pytest.raises(Unreadable, match="no regular file"):
        read_bytes(tmp_path / "zeros", follow=True)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 100)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    assert read_bytes(tmp_path / "long", limit=100) == b"x" * 100
    for name, limit in (("long", 99), ("sparse", 2**30)):
        with pytest.raises(Unreadable, match="longer than"):
            read_bytes(tmp_path / name, limit)
    assert read_bytes(Path("/proc/self/status"))  # its size says 0


def test_a_missing_file_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "none")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 10_000, "{", "\xff"])
def test_json_that_cannot_be_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "file.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"."):
        read_json(tmp_path / "file.json")


def test_half_a_json_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"status": "run')
    monkeypatch.setattr("time.sleep", lambda _: path.write_text('{"status": "running"}'))
    assert read_json(path) == {"status": "running"}


def test_a_file_that_another_host_has_replaced_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, tried = tmp_path / "run.json", os.fstat, []

    def stale_at_first(handle: int) -> os.stat_result:
        tried.append(handle)
        if len(tried) == 1:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(handle)

    path.write_text("{}")
    monkeypatch.setattr("os.fstat", stale_at_first)
    assert read_json(path) == {}
