"""Limits of the shell (`ulimit -f`, `ulimit -n`): one line, exit code 1, and what was saved stays whole."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.checkpoint_file import load_checkpoint
from tests.command import TINY, Command, record_of

QUICK = [*TINY[1:], "dataset=gaussian"]
FEW_FILES = ["model=linear", "dataset=fashion_mini", "dataset.in_memory=false", "dataset.workers=2"]


def limited(limit: int, most: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run sweepboard in a process of its own under a limit."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "sweepboard", *argv], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
    )  # fmt: skip


SIZES = {65536: "model=mlp", 8192: "model=linear"}
"""Limits of a file's size, each with a model of which best.pt fits: with the first an early last.pt does not
either, with the second none does."""

TOO_MANY = "too many open files: raise the limit (ulimit -n), or use fewer dataset.workers or parallel jobs"


@pytest.mark.slow
@pytest.mark.parametrize("most", SIZES)
def test_a_file_too_large_in_a_run_is_a_line_and_a_resume_makes_up_for_it(
    most: int, command: Command
) -> None:
    words = [*QUICK, SIZES[most]]
    command(*words, "hydra.run.dir=whole")
    said = limited(resource.RLIMIT_FSIZE, most, *words, "hydra.run.dir=run")
    assert said.returncode == 1
    assert "Traceback" not in said.stdout + said.stderr
    assert said.stderr.splitlines()[-1].startswith(
        "sweepboard: the end of the run could not be saved in run: "
    )
    assert not Path("run/checkpoints/last.pt").exists()
    assert record_of(Path("run"))["checkpointed"] is False
    assert said.stderr.splitlines()[-1].count("`sweepboard resume run` makes up for it") == 1
    assert "starting from the beginning" in command("resume", "run").err
    assert record_of(Path("run"))["weights_sha256"] == record_of(Path("whole"))["weights_sha256"]
    assert record_of(Path("run"))["checkpointed"] is True
    assert command("diff", "whole", "run").out.strip() == "no difference"
    command("verify", "run")


@pytest.mark.slow
@pytest.mark.parametrize("most", SIZES)
def test_a_file_too_large_in_a_sweep_costs_no_more_than_the_job(most: int, command: Command) -> None:
    words = [*QUICK, SIZES[most]]
    said = limited(resource.RLIMIT_FSIZE, most, "-m", *words, "hydra.sweep.dir=sweep", "seed=1,2")
    assert said.returncode == 1
    assert "Traceback" not in said.stdout + said.stderr
    command("resume", "sweep", "--failed")
    command(*words, "seed=1", "hydra.run.dir=whole")
    assert record_of(Path("sweep/seed=1"))["status"] == "finished"
    assert record_of(Path("sweep/seed=1"))["weights_sha256"] == record_of(Path("whole"))["weights_sha256"]


def test_best_weights_are_kept_until_a_run_started_anew_has_come_to_them(command: Command) -> None:
    """A validation before that step is no reason to replace them."""
    words = [
        *QUICK,
        "model=linear",
        "trainer.epochs=4",
        "trainer.checkpoint.metric=loss",
        "hydra.run.dir=run",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "_replace_last", _full)
        command(*words, code=1)
    step = record_of(Path("run"))["best_steps"]["loss"]
    assert step == 24
    seen = []

    def seeing(checkpoints: Checkpoints, content: Mapping[str, Any]) -> None:
        seen.append(load_checkpoint(checkpoints.best)["step"])
        replace_last(checkpoints, content)

    with pytest.MonkeyPatch.context() as patch:
        replace_last = Checkpoints._replace_last
        patch.setattr(Checkpoints, "_replace_last", seeing)
        command("resume", "run")
    assert len(seen) > 2
    assert set(seen) == {step}
    assert load_checkpoint(Path("run/checkpoints/best.pt"))["step"] == step


def _full(*_: object) -> None:
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


@pytest.mark.slow
@pytest.mark.parametrize("most", [10, 16, 24, 32, 40])
def test_too_few_file_handles_are_a_line(most: int, command: Command) -> None:
    words = [*QUICK, *FEW_FILES]
    said = limited(resource.RLIMIT_NOFILE, most, *words, "hydra.run.dir=run")
    assert said.returncode == 1, said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    assert said.stderr.splitlines()[-1] == f"sweepboard: {TOO_MANY}"
    command(*words, "hydra.run.dir=whole")
    command("resume", "run")
    assert record_of(Path("run"))["weights_sha256"] == record_of(Path("whole"))["weights_sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("most", [16, 32])
def test_too_few_file_handles_in_a_sweep_are_each_jobs_line(most: int, command: Command) -> None:
    words = [*QUICK, *FEW_FILES]
    said = limited(resource.RLIMIT_NOFILE, most, "-m", *words, "hydra.sweep.dir=sweep", "seed=1,2")
    assert said.returncode == 1, said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    assert said.stdout.count(TOO_MANY) == 3  # as each ends, and in the table, where seeds are one row
    command("resume", "sweep", "--failed")
    assert record_of(Path("sweep/seed=2"))["status"] == "finished"
