"""Whether a run that says `running` does: its process lives, is gone, or cannot be seen from here."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweepboard.process_identity import ProcessIdentity
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord
from tests.command import Command

HERE = ProcessIdentity.current()


def status(process: ProcessIdentity, **more: Any) -> str:
    return RunRecord(**{**vars(process), **more}).true_status


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that is gone."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_of_this_system_it_is_what_the_process_is(dead: int) -> None:
    assert status(HERE) == "running"
    assert status(replace(HERE, process_started=1.0)) == "interrupted"  # its id was given away again
    assert status(replace(HERE, pid=dead)) == "interrupted"
    assert status(replace(HERE, pid=dead), status="failed") == "failed"


@pytest.mark.parametrize("other", ["host", "pid_namespace"])
def test_of_another_host_or_container_it_counts_as_running(dead: int, other: str) -> None:
    assert status(HERE, pid=dead, **{other: "elsewhere"}) == "running"


@pytest.mark.skipif(not HERE.boot, reason="the system has no boot id")
def test_a_restart_of_the_host_has_ended_it() -> None:
    assert status(replace(HERE, boot="earlier")) == "interrupted"
    assert status(replace(HERE, boot="another", host="elsewhere")) == "running"


def test_ls_says_where_it_runs_and_when_it_was_last_heard_of(command: Command) -> None:
    folder = RunFolder(Path("outputs/run"))
    folder.path.mkdir(parents=True)
    record = RunRecord(**vars(replace(HERE, host="node7")))
    record.write(folder)
    os.utime(folder.record, (0, 0))
    assert "running on node7, last heard of 2" in command("ls").out
    record.host = HERE.host
    record.write(folder)
    assert "running on" not in command("ls").out
