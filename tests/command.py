"""The command line as tests use it: in this process, in an empty folder, with an empty home."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sweepboard.cli import main

TINY = [
    "model=linear",
    "threads=1",
    "trainer.epochs=2",
    "trainer.limit_train_batches=6",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
    "logging.every_steps=2",
    "logging.images=0",
]
"""A run of a second that goes through everything: 2 epochs of 6 updates."""


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Command = Callable[..., Said]


@contextmanager
def own_imports(folder: Path) -> Iterator[None]:
    """Forget what other tests have imported from their folders: their modules may have the same names."""
    path = list(sys.path)
    forget_modules_below(folder.parents[1])
    try:
        yield
    finally:
        sys.path[:] = path
        forget_modules_below(folder)


def forget_modules_below(root: Path) -> None:
    """Take modules that were imported from files below `root` out of `sys.modules`."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{root}/"):
            del sys.modules[name]


def command_in(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """`command("model=mlp", code=0)`: run it in `folder` and check its exit code."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent / f"{folder.name}-state"))

    def command(*argv: str, code: int = 0) -> Said:
        capfd.readouterr()
        got = main(list(argv))
        said = Said(*capfd.readouterr())
        assert got == code, f"exit code {got}: {said.out}\n{said.err}"
        return said

    return command


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Fail if the block takes longer, whatever it waits for."""

    def too_long(_: int, frame: FrameType | None) -> None:
        raise AssertionError(f"not done in {seconds} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def write_files(files: Mapping[str, str]) -> None:
    """Write texts by their paths, with the folders that they need."""
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def only_run(root: Path) -> Path:
    """The folder of the only run below `root`."""
    records = list(root.rglob("run.json"))
    assert len(records) == 1, records
    return records[0].parent


def change_record(run: Path, **changes: Any) -> None:
    """Change run.json as one who writes a checksum that fits."""
    (run / "run.json").write_text(json.dumps(record_of(run) | changes))
    refit(run)


def refit(run: Path) -> None:
    """Write the checksums of run.json and config.yaml anew, after a change that is to be believed."""
    from sweepboard.runs.record import checksum_of

    digest = hashlib.sha256((run / "config.yaml").read_bytes()).hexdigest()
    record = record_of(run) | {"config_sha256": digest}
    record["checksum"] = checksum_of(record)
    (run / "run.json").write_text(json.dumps(record))


def record_of(run: Path) -> dict[str, Any]:
    """run.json as written."""
    content = json.loads((run / "run.json").read_text())
    assert isinstance(content, dict)
    return content


def check_resumed(command: Command, words: Sequence[str], stop: int, end: int) -> None:
    """A run stopped after `stop` steps and resumed has the weights of one of `end` steps, and repeats."""
    command(*words, f"trainer.steps={end}", "hydra.run.dir=whole")
    command(*words, f"trainer.steps={stop}", "hydra.run.dir=stopped")
    command("resume", "stopped", f"trainer.steps={end}")
    weights = [record_of(Path(run))["weights_sha256"] for run in ("whole", "stopped")]
    assert weights[0] == weights[1]
    assert "identical: " in command("verify", "whole").out
