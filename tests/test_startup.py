"""Global state: random generators, threads, the allocator."""

from __future__ import annotations

import gc
import os
import platform
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sweepboard.startup import quick_start, settle
from sweepboard.training.checkpoint_file import packed, unpacked
from sweepboard.training.seeding import (
    random_states,
    random_states_kept,
    seed_everything,
    set_random_states,
)
from tests.command import TINY


def drawn() -> tuple[float, float, float, float]:
    return random.random(), float(np.random.rand()), float(np.random.randn()), float(torch.rand(()))


def test_the_same_seed_gives_the_same_numbers() -> None:
    with random_states_kept():
        seed_everything(2**40 + 5)
        first = drawn()
        assert drawn() != first
        seed_everything(2**40 + 5)
        assert drawn() == first


def test_states_go_through_a_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> None:
    drawn()  # leaves half a pair of normal numbers in NumPy's generator
    states = unpacked(packed(random_states()), tmp_path_factory.getbasetemp())
    first = drawn()
    set_random_states(states)
    assert drawn() == first
    with random_states_kept():
        drawn()
    second = drawn()
    set_random_states(states)
    assert (drawn(), drawn()) == (first, second)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_stays_with_the_process() -> None:
    """After tuning, a large tensor that is made again faults no pages in."""
    code = """
import resource, torch
from sweepboard.startup import set_threads, tune_allocator
tuned = tune_allocator()
assert set_threads(1) == 1 and set_threads(None) == 1
for _ in range(20):  # the heap first grows to what aligned blocks need
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(10_000_000)
print(tuned, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tuned, faults = done.stdout.split()
    assert tuned == "True"
    assert int(faults) < 1000  # untuned they are 97,660


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "import time; time.sleep(0.1)", "import torch"])
def test_torch_that_is_being_loaded_spoils_no_end(end: str) -> None:
    """Neither of a process that has nothing more to do, nor of one that imports it meanwhile."""
    code = f"from sweepboard.startup import load_torch_ahead\nload_torch_ahead()\n{end}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3 if "3" in end else 0, "", "")


def test_a_run_does_not_import_the_compiler(tmp_path: Path) -> None:
    """It takes nearly as long as torch itself."""
    code = """
import sys
from sweepboard.cli import main
assert main(["trainer=debug", "model=mlp", "dataset=gaussian", "threads=1"]) == 0
slow = ("torch._dynamo", "torch._inductor", "safetensors", "torchvision", "matplotlib")
print([name for name in slow if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="it is the dynamic linker of Linux that is asked"
)
def test_torch_is_loaded_ahead_without_being_imported() -> None:
    code = """
import sys, threading
from pathlib import Path
from sweepboard.startup import load_torch_ahead
load_torch_ahead()
for thread in threading.enumerate()[1:]:
    thread.join()
print("libtorch_cpu.so" in Path("/proc/self/maps").read_text(), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def test_garbage_is_collected_rarely_until_training_begins() -> None:
    usual = gc.get_threshold()
    with quick_start():
        assert gc.get_threshold()[0] > usual[0]
        settle()
        assert gc.get_threshold() == usual
    with pytest.raises(ValueError, match="stopped"), quick_start():
        raise ValueError("stopped")
    assert gc.get_threshold() == usual


def test_matplotlib_does_not_speak_of_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    variables |= {"HOME": "/proc/none", "XDG_STATE_HOME": str(tmp_path / "state"), "OMP_NUM_THREADS": "1"}
    for words in (
        ["-m", *TINY, "seed=1,2", "sweep.name=s", "logging.confusion_matrix=true"],
        ["compare", "outputs/sweeps/s", "--plot", "plot.png"],
    ):
        command = [sys.executable, "-m", "sweepboard", *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
        )
        assert "atplotlib" not in done.stdout + done.stderr
    assert "atplotlib" not in (tmp_path / "outputs/sweeps/s/seed=1/train.log").read_text()
    assert (tmp_path / "plot.png").is_file()
