"""What is known of runs from the index is what is in their files, whatever happened to these since."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from sweepboard.analysis import own_runs
from sweepboard.analysis.load import read_runs
from sweepboard.analysis.packed_curves import packed_curves, unpacked_curves
from sweepboard.analysis.run import Run
from sweepboard.runs import run_index
from sweepboard.runs.record import read_record
from tests.command import Command, change_record, refit
from tests.conftest import WriteRun, write_curves

NAMES = ["a", "b/lr=0.1", "c"]


@pytest.fixture
def root(tmp_path: Path, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(run_index, "FEWEST", 1)
    monkeypatch.setattr(run_index, "SETTLED", 0.0)
    for number, name in enumerate(NAMES):
        write_run(tmp_path / "outputs" / name, {"optimizer.lr": number + 0.1})
    return tmp_path / "outputs"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The function that reads the record of a run, which counts its calls."""
    counted = Mock(wraps=read_record)
    monkeypatch.setattr(own_runs, "read_record", counted)
    return counted


def told(run: Run) -> str:
    """Everything of a run, to the last bit."""
    curves = {
        tag: (steps.tolist(), values.tolist(), steps.dtype, values.dtype)
        for tag, (steps, values) in run.curves.items()
    }
    return repr((run.name, run.hparams, run.status, run.seconds, run.damage, run.config, run.record, curves))


def from_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    with monkeypatch.context() as patch:
        patch.setattr(run_index, "FEWEST", 10**6)
        return [told(run) for run in read_runs([root])]


def event_file(run: Path) -> Path:
    [path] = run.glob("*.steps.0")
    return path


def test_runs_are_read_once(root: Path, read: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [told(run) for run in read_runs([root])]
    assert read.call_count == 3
    assert [told(run) for run in read_runs([root])] == first
    assert read.call_count == 3
    assert first == from_files(root, monkeypatch)
    assert sorted(os.listdir(root)) == ["a", "b", "c"], "nothing is written there"  # noqa: PTH208


def _in_place(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file without a trace in its size (unless `change` does), inode and modification time."""
    old = path.stat()
    with path.open("r+b") as file:
        content = change(file.read())
        file.seek(0)
        file.truncate()
        file.write(content)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def _flip(content: bytes) -> bytes:
    return content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]


def _replace(path: Path) -> None:
    """Put another file of the same size and time in its place."""
    old = path.stat()
    path.with_name("new").write_bytes(_flip(path.read_bytes()))
    os.utime(path.with_name("new"), ns=(old.st_atime_ns, old.st_mtime_ns))
    path.with_name("new").replace(path)


def _link(run: Path) -> None:
    event_file(run).rename(run / "real")
    (run / "events.out.tfevents.1.x.steps.0").symlink_to(run / "real")


def _reconfigure(run: Path) -> None:
    _in_place(run / "config.yaml", lambda text: text + b"extra: 1\n")
    refit(run)


def _copy(run: Path) -> None:
    shutil.copytree(run, run.with_name("d"))
    shutil.rmtree(run)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "changed": lambda run: _in_place(event_file(run), _flip),
    "truncated": lambda run: _in_place(event_file(run), lambda content: content[:-40]),
    "appended": lambda run: _in_place(event_file(run), lambda content: content + content[-60:]),
    "replaced": lambda run: _replace(event_file(run)),
    "deleted": lambda run: event_file(run).unlink(),
    "a file more": lambda run: write_curves(run, {"val/loss": [(900, 0.1)], "extra": [(1, 2.0)]}),
    "renamed": lambda run: event_file(run).rename(run / "events.out.tfevents.9.x"),
    "a link": _link,
    "record": lambda run: change_record(run, note="other"),
    "record by hand": lambda run: _in_place(
        run / "run.json", lambda content: content.replace(b'"seconds": 50.0', b'"seconds": 60.0')
    ),
    "config": _reconfigure,
    "no record": lambda run: _in_place(run / "run.json", lambda content: content[:100]),
    "running": lambda run: change_record(run, status="running", pid=os.getpid()),
    "copied": _copy,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_run_that_changed_is_read_again(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [told(run) for run in read_runs([root])]
    CHANGES[name](root / "c")
    after = [told(run) for run in read_runs([root])]
    assert after[:2] == before[:2]
    assert after == from_files(root, monkeypatch)
    assert [told(run) for run in read_runs([root])] == after


def test_whatever_happens_the_index_says_what_the_files_say(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    for _ in range(12):
        name = chance.choice([each for each in CHANGES if each not in ("copied", "no record", "deleted")])
        run = root / chance.choice(NAMES)
        if len(list(run.glob("*.steps.0"))) == 1:
            CHANGES[name](run)
        assert [told(each) for each in read_runs([root])] == from_files(root, monkeypatch)


@pytest.mark.parametrize("name", ["changed", "record by hand", "no record"])
def test_warnings_come_each_time(root: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    CHANGES[name](root / "c")
    read_runs([root])
    first = caplog.text
    caplog.clear()
    read_runs([root])
    assert caplog.text == first
    assert first


def test_another_key_of_the_user_asks_again(root: Path, read: Mock) -> None:
    read_runs([root])
    shutil.rmtree(root.parent / "state")  # what was signed with the old key is someone else's now
    read_runs([root])
    assert read.call_count == 6


def test_a_configuration_that_json_does_not_hold_is_read_each_time(
    root: Path, read: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (root / "c/config.yaml").open("a") as file:
        file.write("extra: {1: one, x: .nan}\n")
    refit(root / "c")
    read_runs([root])
    assert read_runs([root])[2].config["extra"][1] == "one"
    assert read.call_count == 4


def test_an_index_brought_along_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [told(run) for run in read_runs([root])]
    [path] = (root.parent / "cache/sweepboard/curves").glob("*.index")
    false = path.read_bytes().replace(b'"optimizer"', b'"optimizes"')
    for place in (root / path.name, root / "curves" / path.name):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(false)
    path.unlink()
    assert [told(run) for run in read_runs([root])] == before


def test_what_is_compared_is_the_same_from_the_index(
    root: Path, read: Mock, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    verbs = (
        ["compare", "outputs", "--csv"],
        ["check", "outputs", "--json"],
        ["ls", "outputs", "--sort", "lr"],
    )
    first = [command(*verb).out for verb in verbs]
    assert read.call_count == 3
    assert [command(*verb).out for verb in verbs] == first
    assert read.call_count == 3


def _odd_curves() -> Iterator[tuple[str, Any]]:
    steps = np.arange(5)
    yield "single", (steps, np.array([0.1, 1e-45, 3e38, -0.0, 7], np.float32).astype(np.float64))
    yield "double", (steps + 2**40, np.array([0.1, 1e300, -0.0, np.pi, 1]))
    yield "nan", (steps - 3, np.array([np.nan, np.inf, -np.inf, 0.0, 1.0]))
    yield "payload", (steps[:1], np.array([0x7FF8000000000123]).view(np.float64))
    yield "empty", (steps[:0], np.empty(0))


@pytest.mark.parametrize(
    "names", [["single"], ["single", "nan"], ["double", "single"], ["payload"], ["empty"], []]
)
def test_packed_curves_are_the_same_to_the_last_bit(names: list[str]) -> None:
    curves = {name: points for name, points in _odd_curves() if name in names}
    again = unpacked_curves(packed_curves(curves))
    assert list(again) == list(curves)
    for tag, (steps, values) in curves.items():
        assert again[tag][0].tolist() == steps.tolist()
        assert again[tag][1].tobytes() == values.tobytes()
