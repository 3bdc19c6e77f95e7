"""Pipes, devices, folders and empty files in the place of any file: no verb waits, and each says a line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sweepboard.cli import main
from tests.command import TINY, Command, time_limit
from tests.conftest import WriteRun

SECONDS = 120

ODD: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "link to itself": lambda path: path.symlink_to(path.name),
}


def _put(path: Path, odd: str) -> None:
    path.unlink()
    ODD[odd](path)


def _try_verbs(folder: Path, what: str, capfd: pytest.CaptureFixture[str]) -> None:
    verbs = [["ls", "all"], ["compare", "all"], ["report", "all"], ["check", "all"], ["doctor", "all"]]
    verbs += [["diff", str(folder), "all/whole"], ["plan", str(folder)]]
    verbs += [["rerun", str(folder), "hydra.run.dir=again"]]
    verbs += [[verb, str(folder)] for verb in ("verify", "test", "export", "resume")]
    for words in verbs:
        capfd.readouterr()
        with time_limit(SECONDS):
            code = main(words)
        said = capfd.readouterr()
        text = f"{what}, {' '.join(words)}: {said.out}{said.err}"
        assert "Traceback (most" not in said.out + said.err, text
        assert code in (0, 1, 2), text
        if words[0] in ("ls", "compare"):
            assert "whole" in said.out, text


@pytest.mark.parametrize("odd", ODD)
def test_no_verb_waits_for_a_file_of_a_run(
    odd: str, write_run: WriteRun, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    write_run(Path("all/whole"), {"optimizer.lr": 0.1}, {"val/loss": [(1, 0.5)]})
    folder = Path("all/odd")
    files = [
        path.name for path in write_run(folder, None, {"val/loss": [(1, 0.5)]}).iterdir() if path.is_file()
    ]
    assert len(files) >= 3
    for name in files:
        shutil.rmtree(folder)
        write_run(folder, None, {"val/loss": [(1, 0.5)]})
        place = next(path for path in folder.iterdir() if path.name[:10] == name[:10])
        _put(place, odd)
        _try_verbs(folder, f"{odd} for {place}", capfd)


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", ["run", "sweep", "search"])
def test_no_verb_waits_for_any_file_of_a_trained_run_or_sweep(
    kind: str, odd: str, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*TINY, "dataset=gaussian"]
    command(*words, "optimizer.lr=0.05", "hydra.run.dir=all/whole")
    search = ["hydra/sweeper=optuna", "hydra.sweeper.trials=1", "optimizer.lr=interval(0.001,0.1)"]
    more = {"run": [], "sweep": ["-m", "seed=1"], "search": ["-m", *search]}[kind]
    command(*words, *more, f"hydra.{'run' if kind == 'run' else 'sweep'}.dir=original")
    folder = Path("all/odd")
    for path in sorted(path for path in Path("original").rglob("*") if path.is_file()):
        shutil.copytree("original", folder)
        place = folder / path.relative_to("original")
        _put(place, odd)
        _try_verbs(folder, f"{odd} for {place}", capfd)
        shutil.rmtree(folder)
        shutil.rmtree("again", ignore_errors=True)
