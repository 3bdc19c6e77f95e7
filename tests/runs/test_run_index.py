"""The index of runs saves reading them, and is believed only where their files are still the same."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

from sweepboard.runs import run_index, run_summary
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.run_summary import RunSummary, read_summary, summaries
from tests.command import Command, change_record
from tests.conftest import WriteRun

NAMES = ["a", "b/lr=0.1", "c"]


@pytest.fixture
def root(tmp_path: Path, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(run_index, "FEWEST", 1)
    monkeypatch.setattr(run_index, "SETTLED", 0.0)
    for number, name in enumerate(NAMES):
        write_run(tmp_path / "outputs" / name, record={"note": name, "started": 1e9 + number})
    return tmp_path / "outputs"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The function that reads a run from its own files, which counts its calls."""
    counted = Mock(wraps=read_summary)
    monkeypatch.setattr(run_summary, "read_summary", counted)
    return counted


def listed(root: Path, names: list[str] = NAMES) -> list[RunSummary]:
    return list(summaries(root, [RunFolder(root / name) for name in names]).values())


def index_file(root: Path) -> Path:
    [path] = (root.parent / "cache/sweepboard/runs").glob("*.index")
    return path


def test_runs_are_read_once(root: Path, read: Mock) -> None:
    first = listed(root)
    assert [each.note for each in first] == NAMES
    assert read.call_count == 3
    assert listed(root) == first
    assert read.call_count == 3
    assert sorted(os.listdir(root)) == ["a", "b", "c"], "nothing is written there"  # noqa: PTH208


def test_a_run_that_changed_is_read_again(root: Path, read: Mock) -> None:
    listed(root)
    change_record(root / "a", note="other")
    assert [each.note for each in listed(root)] == ["other", *NAMES[1:]]
    assert read.call_count == 4
    old = (root / "c/run.json").stat()
    text = (root / "c/run.json").read_text()
    (root / "c/run.json").write_text(text.replace('"c"', '"x"'))  # in place, of the same size and time
    os.utime(root / "c/run.json", ns=(old.st_atime_ns, old.st_mtime_ns))
    changed = listed(root)[2]
    assert changed.note == "x"
    assert changed.damage is not None
    (root / "a/config.yaml").write_text("seed: 3")
    assert "config.yaml" in (listed(root)[0].damage or "")


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_a_run_that_goes_on_is_always_read(root: Path, read: Mock, status: str) -> None:
    change_record(root / "a", status=status)
    assert listed(root)[0].status == status
    listed(root)
    assert read.call_count == (4 if status == "running" else 3)


def test_a_run_that_has_just_changed_is_not_indexed_yet(
    root: Path, read: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_index, "SETTLED", 60.0)
    listed(root)
    listed(root)
    assert read.call_count == 6


def test_runs_that_are_gone_leave_the_index(root: Path) -> None:
    listed(root)
    before = index_file(root).stat().st_size
    shutil.rmtree(root / "c")
    listed(root, NAMES[:2])
    assert index_file(root).stat().st_size < before


def test_runs_that_were_not_asked_for_stay_in_the_index(root: Path, read: Mock) -> None:
    listed(root)
    change_record(root / "a", note="other")
    assert [each.note for each in listed(root, NAMES[:1])] == ["other"]
    read.reset_mock()
    assert [each.note for each in listed(root)] == ["other", *NAMES[1:]]
    assert read.call_count == 0


def test_an_index_is_bounded(root: Path, read: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(root)
    size = index_file(root).stat().st_size
    index_file(root).unlink()
    monkeypatch.setattr(run_index, "MOST_BYTES", 2**10 + size // 2)
    first = listed(root)
    assert index_file(root).stat().st_size < size
    read.reset_mock()
    assert listed(root) == first
    assert 0 < read.call_count < 3


def test_an_index_that_is_damaged_or_of_others_is_not_believed(root: Path, read: Mock) -> None:
    first = listed(root)
    path = index_file(root)
    whole = path.read_text()
    for content in ("", "{}", whole[:-9], whole.replace('"c"', '"x"'), whole.replace("note", "notes", 1)):
        path.write_text(content)
        read.reset_mock()
        assert listed(root) == first
        assert read.call_count == 3
        assert path.read_text() == whole
    path.parent.chmod(0o777)  # anybody could have put it there
    read.reset_mock()
    assert listed(root) == first
    assert read.call_count == 3


def test_an_index_in_the_folder_itself_is_not_read(root: Path) -> None:
    listed(root)
    header, digest, text = index_file(root).read_text().split("\n", 2)
    false = text.replace('"c"', '"x"')
    for name in (index_file(root).name, ".sweepboard.json"):
        (root / name).write_text(f"{header}\n{digest}\n{false}")
    shutil.rmtree(root.parent / "cache")
    assert [each.note for each in listed(root)] == NAMES


def test_a_cache_that_cannot_be_written_costs_only_time(root: Path, read: Mock) -> None:
    (root.parent / "cache").write_text("no folder")
    assert [each.note for each in listed(root)] == [each.note for each in listed(root)] == NAMES
    assert read.call_count == 6


def test_ls_shows_the_same_from_the_index(
    root: Path,
    read: Mock,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(root.parent)
    change_record(root / "a", tags=["good"], overrides=["model=mlp"])
    record = json.loads((root / "b/lr=0.1/run.json").read_text())
    (root / "b/lr=0.1/run.json").write_text(json.dumps(record | {"seconds": 5}))  # by hand
    first = command("ls")
    read.reset_mock()
    again = command("ls")
    assert read.call_count == 0
    assert again.out == first.out
    assert "good" in again.out
    assert caplog.text.count("changed by something else") == 2
    assert command("ls", "outputs/b").out.splitlines()[1].split()[0] == "2"  # its number in outputs
