"""A mistake is one line that names the key and says what to type instead; exit code 2; nothing is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Command

MISTAKES = {
    "an unknown key": (["optimizer.lrr=0.1"], "optimizer.lrr"),
    "an unknown setting": (["trainer.epoch=3"], "trainer.epochs"),
    "an unknown group": (["modle=mlp"], "model"),
    "an unknown option": (["model=cn"], "choose from cnn, linear, mlp, resnet18"),
    "a wrong type": (["trainer.epochs=many"], "trainer.epochs: needs an integer, got many"),
    "an argument's wrong type": (["model=mlp", "model.hidden=3"], "model.hidden"),
    "an argument that does not exist": (["model=mlp", "model.hiden=[3]"], "model.hidden"),
    "a missing value": (["dataset=image_folder"], "dataset.root: a value is needed; type dataset.root=..."),
    "an unset variable": (["optimizer.lr=${oc.env:NOT_SET}"], "environment variable NOT_SET is not set"),
    "a learning rate of nothing": (["optimizer.lr=0"], "optimizer.lr: must be a finite number above 0"),
    "a learning rate that is none": (["optimizer.lr=nan"], "optimizer.lr: must be a finite number above 0"),
    "a folder that is not there": (["dataset=image_folder", "dataset.root=nowhere"], "nowhere"),
    "a model that does not fit the data": (["dataset=line", "task=regression"], "model=mlp"),
    "a task that does not fit the data": (["dataset=line", "model=linear"], "task=regression"),
    "a class that is not there": (["model._target_=torch.nn.Conv9d"], "model._target_"),
    "a verb that is none": (["resum", "outputs"], "did you mean resume?"),
    "a bare word after overrides": (["model=mlp", "0.1"], "0.1"),
    "facts that are set by hand": (["facts.classes=3"], "facts.classes"),
    "half precision without a GPU": (["trainer.precision=fp16"], "trainer.precision=fp16: needs a GPU"),
    "an unpickling rerun": (["--experimental-rerun", "x"], "type `sweepboard rerun RUN` instead"),
    "a config dir that is not there": (["--config-dir", "nope"], "--config-dir nope: no such folder"),
    "a run that is not there": (["resume", "nowhere"], "nowhere: no such folder"),
}


@pytest.mark.parametrize(("argv", "part"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_leaves_nothing(argv: list[str], part: str, command: Command) -> None:
    said = command(*argv, code=2)
    assert said.line.startswith("sweepboard: ")
    assert part in said.line
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("more", [[], ["-m", "seed=1,2"], ["-m", "seed=1,2", "hydra/launcher=basic"]])
@pytest.mark.parametrize("target", ["nope.Nope", "torch.nn.Linear", "json.loads"])
def test_a_callback_that_cannot_be_built_is_named(target: str, more: list[str], command: Command) -> None:
    said = command("model=linear", *more, f"+hydra.callbacks.mine._target_={target}", code=2)
    assert said.line.startswith("sweepboard: hydra.callbacks.mine: cannot be built: ")
    assert list(Path().iterdir()) == []
