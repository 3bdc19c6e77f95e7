"""verify says that a run repeats, or where it does not and what has changed since."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import TINY, Command, only_run

OWN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.out = nn.Linear(784, outputs)

    def forward(self, x):
        return self.out(x.flatten(1))
"""
NET = ["model={_target_: own.Net, outputs: '${facts.outputs}'}", *TINY[1:]]


def git(*words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True
    )


@pytest.fixture
def run(command: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a model of the user's own, who has a new repository that ignores nothing."""
    Path("own.py").write_text(OWN)
    git("init")
    git("add", "own.py")
    git("commit", "-m", "my net")
    command(*NET)
    return only_run(Path("outputs"))


def test_two_runs_in_a_new_repository_have_the_same_code(command: Command, run: Path) -> None:
    """The output folder of the first is no change of the code for the second."""
    said = command("verify", str(run)).out
    assert "identical" in said
    assert "differs" not in said


def test_a_change_of_code_is_named_where_it_shows_and_where_it_does_not(
    command: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own.py").write_text(OWN + "# a remark\n")
    said = command("verify", str(run)).out.splitlines()
    assert said[1].startswith("identical: ")
    assert said[2].startswith("differs: code.patch: ")
    changed = OWN.replace("self.out(x", "self.out(-x")
    Path("own.py").write_text(changed)
    imported_anew(monkeypatch)
    said = command("verify", str(run), code=1).out.splitlines()
    assert said[1].startswith("differs first in ")
    assert "at step 2: " in said[1]
    assert said[2].startswith("differs: code.patch: ")
    git("commit", "-am", "another net")
    said = command("verify", str(run), code=1).out.splitlines()
    assert said[2].startswith("differs: code.commit: ")


def imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new process imports the module that has changed."""
    monkeypatch.delitem(sys.modules, "own")
    importlib.invalidate_caches()


@pytest.mark.slow
def test_seed_threads_and_data_are_named(command: Command) -> None:
    command("model=cnn", *TINY[1:], "trainer.limit_train_batches=15", "optimizer.lr=0.003")
    run = only_run(Path("outputs"))
    said = command("verify", str(run), "seed=1", code=1).out.splitlines()
    assert said[1].startswith("differs first in train/accuracy at step 2: ")
    assert said[2] == "differs: seed: 0 -> 1"
    assert said[3].startswith("differs: data: ")  # other samples are held out
    verdict = command("verify", str(run), "threads=2", "--json", code=1).json
    assert [entry["key"] for entry in verdict["environment"] if entry["matters"]] == ["threads"]
    assert not verdict["same_weights"]
    assert verdict["first"]["tag"].startswith("train/")
