"""`show`, `logs`, `tag`, `note`, `rm`, `gc`, `ls`: they tell the truth, and remove nothing but runs."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import only_writer
from tests.command import TINY, Command, change_record, record_of
from tests.conftest import WriteRun

Make = Callable[..., Path]
GOOD = {"checkpointed": True, "checkpoint_step": 500, "best": {"accuracy": 0.9}, "modes": {"accuracy": "max"}}


@pytest.fixture
def make(command: Command, write_run: WriteRun) -> Make:
    """Writes a run with checkpoints into the working directory; each is newer than the one before."""
    made: list[Path] = []

    def _make(name: str, accuracy: float = 0.9, **record: Any) -> Path:
        entries = GOOD | {"started": 1e9 + len(made)} | record
        curves = {"val/accuracy": [(500, accuracy)]}
        run = write_run(Path("outputs") / name, {"optimizer.lr": 0.1 / (1 + len(made))}, curves, entries)
        made.append(run)
        (run / "checkpoints").mkdir()
        for checkpoint in ("last", "last.previous", "best"):
            (run / "checkpoints" / f"{checkpoint}.pt").write_bytes(b"x" * 1000)
        return run

    return _make


def test_show_tells_all_of_a_run(command: Command, make: Make) -> None:
    run = make("a", status="failed", reason="it broke\x1b[2J", overrides=["model=cnn"])
    (run / "train.log").write_text("one\n")
    said = command("show", "last").out
    for part in ("failed: it broke\\x1b[2J", "val/accuracy", "0.9", "batch_size: 64", "3 kB", "train.log",
                 f"resume {run}", "saved", "step 500"):  # fmt: skip
        assert part in said
    assert "\x1b" not in said
    assert command("show", "1", "--json").json["status"] == "failed"


def test_logs_shows_the_log_and_follows_it_to_the_end_of_the_run(command: Command, make: Make) -> None:
    run = make("a")
    (run / "train.log").write_text("one\n\x1b[31mtwo\nno end")
    assert command("logs", "a").out == "one\n\\x1b[31mtwo\nno end\n"
    change_record(run, status="running", pid=os.getpid(), host=record_of(run)["host"])
    with (run / "train.log").open("a") as log:

        def go_on() -> None:
            log.write(" yet\nthree\n")
            log.flush()
            time.sleep(0.2)
            change_record(run, status="finished")

        threading.Timer(0.5, go_on).start()
        assert command("logs", "a", "-f").out.endswith("no end yet\nthree\n")


def test_a_log_that_is_a_link_is_not_read(command: Command, make: Make, tmp_path: Path) -> None:
    run = make("a")
    (tmp_path / "secret").write_text("secret")
    (run / "train.log").symlink_to(tmp_path / "secret")
    assert "symbolic link" in command("logs", "a", code=2).err


def test_tags_and_notes_are_in_the_record_and_found(command: Command, make: Make) -> None:
    run, other = make("a"), make("b")
    assert command("tag", "1", "paper", "good").out == f"{run}: paper, good\n"
    assert command("tag", "1", "-d", "good").out == f"{run}: paper\n"
    assert command("note", "a", "for", "figure 3").out == f"{run}: for figure 3\n"
    record = record_of(run)
    assert (record["tags"], record["note"], record["altered"]) == (["paper"], "for figure 3", False)
    assert [Path(each["folder"]) for each in command("ls", "--where", "paper in tags", "--json").json] == [
        run
    ]
    assert "paper" in command("ls").out
    assert "paper" in command("compare").out
    assert command("tag", "b").out == f"{other}: no tags\n"
    assert "no tag" in command("tag", "b", "two words", code=2).err
    with only_writer(RunFolder(run)):
        command("tag", "a", "late", code=2)


def test_ls_is_newest_last_and_takes_where_sort_and_limit(command: Command, make: Make) -> None:
    names = ["c", "b", "a"]
    for number, name in enumerate(names):
        make(name, accuracy=[0.5, 0.9, 0.7][number])

    def listed(*words: str) -> list[str]:
        return [Path(each["folder"]).name for each in command("ls", *words, "--json").json]

    assert listed() == names
    assert listed("--limit", "2") == ["b", "a"]
    assert listed("--sort", "val/accuracy", "--limit", "2") == ["a", "b"]
    assert listed("--where", "lr < 0.06", "--limit", "1") == ["a"]
    lines = command("ls").out.splitlines()
    assert [line.split()[0] for line in lines] == ["#", "1", "2", "3"]


def test_rm_asks_and_removes_only_the_run(
    command: Command, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run, kept = make("a"), make("b")
    assert "--yes" in command("rm", "a", code=2).err
    monkeypatch.setattr(sys, "stdin", _Answer("no\n"))
    command("rm", "a", code=1)
    assert run.is_dir()
    monkeypatch.setattr(sys, "stdin", _Answer("y\n"))
    command("rm", "a")
    assert not run.exists()
    assert kept.is_dir()


class _Answer(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rm_takes_a_whole_sweep(command: Command, make: Make) -> None:
    job = make("sweeps/lr/optimizer.lr=0.1")
    (job.parent / "sweep.json").write_text("{}")
    command("rm", "lr", "--yes")
    assert not job.parent.exists()


@pytest.mark.parametrize("name", ["outputs", ".", "outputs/day", "notes"])
def test_rm_leaves_what_is_no_run(name: str, command: Command, make: Make) -> None:
    make("day/a")
    Path("notes").mkdir()
    assert "left as it is" in command("rm", name, "--yes", code=2).line
    assert Path("outputs/day/a/run.json").is_file()


def test_rm_follows_no_link_and_disturbs_no_writer(command: Command, make: Make, tmp_path: Path) -> None:
    run, outside = make("a"), tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("")
    (run / "link").symlink_to(outside)
    assert "symbolic link" in command("rm", "a", "--yes", code=2).err
    (run / "link").unlink()
    Path("outputs/alias").symlink_to(run.resolve())
    assert "left as it is" in command("rm", "outputs/alias", "--yes", code=2).line
    with only_writer(RunFolder(run)):
        command("rm", "a", "--yes", code=2)
    assert (outside / "precious").is_file()
    assert run.is_dir()


def test_rm_leaves_a_folder_that_holds_other_runs_and_where_one_stands(
    command: Command, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("a")
    make("a/inner")
    assert "holds other runs" in command("rm", "outputs/a", "--yes", code=2).line
    monkeypatch.chdir(run / "inner")
    assert "you are in that folder" in command("rm", ".", "--yes", code=2).line


def test_gc_says_what_it_frees_and_leaves_what_is_needed(command: Command, make: Make) -> None:
    finished, failed, saved = make("a"), make("b", status="failed"), make("c", status="interrupted")
    empty = make("d", status="interrupted", checkpointed=False, checkpoint_step=0)
    for path in (empty / "checkpoints").iterdir():
        path.unlink()
    lagging = make("e", status="interrupted", checkpointed=False, checkpoint_step=0)
    tagged, running = make("f", tags=["paper"]), make("g")
    job = make("sweeps/lr/x", status="failed")
    (job.parent / "sweep.json").write_text("{}")
    assert "--yes" in command("gc", code=2).line
    with only_writer(RunFolder(running)):
        said = command("gc", "--yes")
    assert f"left as it is: {running}" in said.err or "left as it is" in said.err
    rows = {tuple(re.split(r"  +", line)[1:]) for line in said.out.splitlines()}
    assert {
        ("failed run", str(failed)),
        ("empty run", str(empty)),
        ("spare checkpoints", str(finished)),
    } <= rows
    assert [path.name for path in (finished / "checkpoints").iterdir()] == ["best.pt"]
    assert not failed.exists()
    assert not empty.exists()
    for whole in (saved, lagging, tagged, running, job):
        assert len(list((whole / "checkpoints").iterdir())) == 3
    command("gc", "--failed", "--yes")
    assert command("gc", "--failed").out == "nothing to free in outputs\n"


def test_gc_leaves_checkpoints_where_the_best_is_missing_or_a_link_leads_away(
    command: Command, make: Make, tmp_path: Path
) -> None:
    lone, linked = make("a"), make("b")
    (lone / "checkpoints/best.pt").unlink()
    elsewhere = (linked / "checkpoints").rename(tmp_path / "elsewhere")
    (linked / "checkpoints").symlink_to(elsewhere)
    assert command("gc", "--yes").out == "nothing to free in outputs\n"
    assert len(list(elsewhere.iterdir())) == 3
    assert len(list((lone / "checkpoints").iterdir())) == 2


KEPT = {
    "all": ["best.pt", "last.previous.pt", "last.pt"],
    "both": ["best.pt", "last.pt"],
    "best": ["best.pt"],
    "last": ["last.pt"],
}


@pytest.mark.parametrize("keep", KEPT)
def test_a_finished_run_keeps_what_was_asked_for(keep: str, command: Command) -> None:
    words = [*TINY, f"trainer.checkpoint.keep={keep}", "hydra.run.dir=run"]
    command(*words)
    kept = {path.name for path in Path("run/checkpoints").iterdir()} - {"best.previous.pt"}
    assert sorted(kept) == sorted(KEPT[keep])
    assert "nothing is left to do" in command("resume", "run").out


def test_a_run_without_validation_keeps_its_last_checkpoint(command: Command) -> None:
    command(*TINY, "trainer.checkpoint.keep=best", "dataset.val_fraction=0", "hydra.run.dir=run")
    assert [path.name for path in Path("run/checkpoints").iterdir()] == ["last.pt"]


def _edit(run: Path, **changes: Any) -> None:
    """Change run.json as an editor or a disk does, whose checksum no longer fits."""
    (run / "run.json").write_text(json.dumps(record_of(run) | changes))


@pytest.mark.parametrize("changes", [{"status": "failed"}, {"tags": []}, {"status": "failed", "note": ""}])
def test_gc_leaves_a_run_whose_record_something_else_changed(
    changes: dict[str, Any], command: Command, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    run, other = make("a", tags=["paper"], note="for the paper"), make("b", status="failed")
    _edit(run, **({"tags": [], "note": ""} | changes))
    command("gc", "--yes")
    assert f"{run / 'run.json'} was changed by something else than sweepboard: left as it is" in caplog.text
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "best.pt", "last.previous.pt", "last.pt",
    ]  # fmt: skip
    assert not other.exists()


@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["tag"], ["tag", "x"], ["note", "y"]])
def test_looking_at_a_record_that_something_else_changed_says_so(
    words: list[str], command: Command, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    run = make("a")
    _edit(run, step=7)
    verb, *rest = words
    command(verb, "a", *rest)
    assert caplog.messages == ["outputs/a: run.json was changed by something else than sweepboard"]
    command("ls")
    assert caplog.messages[1:] == caplog.messages[:1]
    (run / "config.yaml").write_text("seed: 5\n")
    command(verb, "a", *rest)
    assert "run.json and config.yaml were changed" in caplog.messages[-1]
