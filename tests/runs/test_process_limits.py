"""Limits of the shell (`ulimit -f`, `ulimit -n`): one line, exit code 1, and what was saved stays whole."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import TINY, Command, record_of

QUICK = [*TINY[1:], "model=mlp", "dataset=gaussian"]
FEW_FILES = ["dataset=fashion_mini", "dataset.in_memory=false", "dataset.workers=2"]


def limited(limit: int, most: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run sweepboard in a process of its own under a limit."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "sweepboard", *argv], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
    )  # fmt: skip


@pytest.mark.slow
def test_a_file_too_large_in_a_run_is_a_line_and_a_resume_makes_up_for_it(command: Command) -> None:
    command(*QUICK, "hydra.run.dir=whole")
    said = limited(resource.RLIMIT_FSIZE, 65536, *QUICK, "hydra.run.dir=run")
    assert said.returncode == 1
    assert "Traceback" not in said.stdout + said.stderr
    assert said.stderr.splitlines()[-1].startswith(
        "sweepboard: the end of the run could not be saved in run: "
    )
    command("resume", "run")
    assert record_of(Path("run"))["weights_sha256"] == record_of(Path("whole"))["weights_sha256"]


@pytest.mark.slow
def test_a_file_too_large_in_a_sweep_costs_no_more_than_the_job(command: Command) -> None:
    said = limited(resource.RLIMIT_FSIZE, 65536, "-m", *QUICK, "hydra.sweep.dir=sweep", "seed=1,2")
    assert said.returncode == 1
    assert "Traceback" not in said.stdout + said.stderr
    command("resume", "sweep", "--failed")
    assert record_of(Path("sweep/seed=1"))["status"] == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("most", [24, 40])
def test_too_few_file_handles_are_a_line(most: int, command: Command) -> None:
    said = limited(resource.RLIMIT_NOFILE, most, *QUICK, *FEW_FILES, "hydra.run.dir=run")
    assert said.returncode in (0, 1, 2)
    assert "Traceback" not in said.stdout + said.stderr
    if said.returncode:
        assert said.stderr.splitlines()[-1].startswith("sweepboard: ")
    elif Path("run/run.json").exists():
        assert record_of(Path("run"))["status"] == "finished"
