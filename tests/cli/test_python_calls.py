"""`sweepboard.run` and `sweepboard.sweep`: the command line from Python."""

from __future__ import annotations

import io
import logging
import pydoc
import sys
from pathlib import Path

import pytest
from torch.nn import Module

import sweepboard
from sweepboard.errors import ConfigError, UserError
from sweepboard.models import Linear
from sweepboard.sweeps.notebook_classes import refuse_notebook_classes
from tests.command import Command

TINY = ["trainer=debug", "model=mlp", "dataset=gaussian", "threads=1"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(command: Command) -> None:
    """The working directory of `command`."""


def test_a_run_is_that_of_the_command_line(command: Command) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    first = sweepboard.run(*TINY, "optimizer.lr=0.1")
    assert (logging.getLogger().handlers, logging.getLogger().level) == before
    assert (first.status, first.hparams["optimizer.lr"]) == ("finished", 0.1)
    again = sweepboard.run(*TINY, "optimizer.lr=0.1")
    assert again.path != first.path
    assert again.metrics["val/loss"] == first.metrics["val/loss"]
    assert "identical" in command("verify", str(first.path)).out


def test_a_sweep_gives_its_runs() -> None:
    runs = sweepboard.sweep(*TINY, "optimizer.lr=0.1,0.01")
    assert [run.hparams["optimizer.lr"] for run in runs] == [0.01, 0.1]
    assert {run.status for run in runs} == {"finished"}


def test_a_class_of_a_notebook_is_for_runs_and_not_for_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "Net", Linear, raising=False)
    net = ["model._target_=__main__.Net", "model.input_shape=[32]", *TINY[:1], *TINY[2:]]
    assert sweepboard.run(*net).status == "finished"
    with pytest.raises(
        UserError, match=r"__main__\.Net is defined in a notebook or script, and the processes"
    ):
        sweepboard.sweep(*net, "optimizer.lr=0.1,0.01")


def test_a_training_function_of_a_notebook_is_refused_for_a_sweep_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "train", lambda cfg: cfg, raising=False)
    with pytest.raises(UserError, match=r"__main__\.train is defined .* type program\._target_=parts\.train"):
        sweepboard.sweep("program._target_=__main__.train", "+lr=0.1,0.2")
    assert not Path("outputs").exists()


@pytest.mark.parametrize("key", ["collate_fn", "sampler"])
def test_a_function_that_a_setting_names_is_refused_too(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"dataset\.{key}: __main__\.mine is defined in a notebook"):
        refuse_notebook_classes({"dataset": {key: "__main__.mine"}})


def test_a_script_that_is_found_by_its_path_is_no_notebook() -> None:
    refuse_notebook_classes({"program": {"_target_": "__main__.train", "file": "__main__.py"}})


def test_the_model_of_a_run_that_was_returned() -> None:
    run = sweepboard.run(*TINY)
    model = sweepboard.load_model(run)
    assert isinstance(model, Module)
    assert not model.training


def test_yaml_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/tiny.yaml").write_text(
        "_target_: sweepboard.models.MLP\nhidden: [3]\ninput_shape: ${facts.input_shape}\n"
        "outputs: ${facts.outputs}\n"
    )
    run = sweepboard.run(*TINY, "model=tiny", config_dir=tmp_path / "mine")
    assert run.config["model"]["hidden"] == [3]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("optimizer.lrr=0.1", "did you mean optimizer.lr"),
        ("optimizer.lr=0.1,0.2", "several values are a sweep"),
        ("--multirun", "'--multirun' is no override"),
        ("ls", "'ls' is no override"),
    ],
)
def test_a_mistake_is_an_error_before_any_work(word: str, line: str) -> None:
    with pytest.raises(UserError, match=line):
        sweepboard.run(*TINY, word)
    assert not Path("outputs").exists()


INTERRUPTING = """
import os, signal
from sweepboard.models import MLP

class Interrupting(MLP):
    calls = 0

    def forward(self, batch):
        self.calls += self.training
        if self.calls == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return super().forward(batch)
"""


def test_an_interrupt_is_one_and_the_run_can_be_resumed(command: Command) -> None:
    Path("interrupting.py").write_text(INTERRUPTING)
    with pytest.raises(KeyboardInterrupt, match="interrupted by SIGINT"):
        sweepboard.run(*TINY, "model._target_=interrupting.Interrupting", "trainer.steps=40")
    (run,) = sweepboard.load_runs("outputs")
    assert run.status == "interrupted"


class NotebookStream(io.StringIO):
    """Stands for the output of a cell."""


NotebookStream.__module__ = "ipykernel.iostream"


def shown_in_a_notebook(written: str) -> list[list[str]]:
    """The lines of a cell's output, in which a carriage return begins the line anew."""
    return [[part for part in line.split("\r") if part.strip()] for line in written.split("\n")]


def test_a_run_shows_its_progress_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = NotebookStream()
    monkeypatch.setattr(sys, "stdout", cell)
    sweepboard.run(*TINY, "trainer.epochs=2")
    lines = shown_in_a_notebook(cell.getvalue())
    progress = [part for parts in lines for part in parts if "%  " in part]
    assert progress[0].startswith("epoch 1/2  0%  ")
    lasting = [parts[-1] for parts in lines if parts]
    assert [line.split("  ")[0] for line in lasting if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert not any("%  " in line for line in lasting)  # the progress line is gone in the end
    assert max(map(len, progress)) <= 100


def test_help_shows_what_is_public() -> None:
    shown = pydoc.plain(pydoc.render_doc(sweepboard.run))
    assert "function run in module sweepboard\n" in shown
    assert "\n    Args:\n        overrides: " in shown
    shown = pydoc.plain(pydoc.render_doc(sweepboard))
    names = ("run", "sweep", "main", "load_run", "load_runs", "load_model")
    assert all(f"\n    {name}(" in shown for name in names)
    assert {"Callback", "Task", "run"} <= {*dir(sweepboard)}
