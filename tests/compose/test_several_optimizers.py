"""Several optimizers by name, typed or in YAML, in the place of the one that was chosen before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweepboard import plain_yaml
from tests.command import TINY, Command, only_run, record_of

WORDS = ["dataset=gaussian", *TINY, "logging=minimal"]
TYPED = (
    "optimizer={matrices: {_target_: torch.optim.SGD, params: '*.weight', lr: 0.5},"
    " others: {_target_: torch.optim.RAdam, params: rest}}"
)
PRESET = """# @package _global_
optimizer:
  matrices: {_target_: torch.optim.SGD, params: "*.weight", lr: 0.5}
  others: {_target_: torch.optim.RAdam, params: rest}
"""
OUTER = """
from torch.optim import SGD

class Outer(SGD):
    def __init__(self, params, inner=None, lr=0.1):
        super().__init__(params, lr=lr)
        self.inner = inner(self.param_groups[0]["params"])
"""


def optimizer_of(run: Path) -> dict[str, Any]:
    loaded: Any = plain_yaml.load((run / "config.yaml").read_text())
    return {name: value for name, value in loaded["optimizer"].items() if value is not None}


@pytest.mark.parametrize("option", ["adam", "sgd"])
@pytest.mark.parametrize("form", ["typed", "preset"])
def test_they_replace_the_one(option: str, form: str, command: Command) -> None:
    Path("own/experiment").mkdir(parents=True)
    Path("own/experiment/pair.yaml").write_text(PRESET)
    said = command(
        "--config-dir", "own", *WORDS, f"optimizer={option}", TYPED if form == "typed" else "experiment=pair"
    )
    run = only_run(Path("outputs"))
    assert {*optimizer_of(run)} == {"matrices", "others"}
    assert "optimizer SGD and RAdam" in said.out
    assert "optimizer" not in record_of(run)["groups"], "it would be a wrong name in HParams"


def test_a_number_of_one_of_them_is_swept_and_rerun(command: Command) -> None:
    command("-m", *WORDS, TYPED, "optimizer.matrices.lr=0.1,0.2", "sweep.name=s")
    command("rerun", "outputs/sweeps/s/optimizer.matrices.lr=0.1", "optimizer.others.lr=0.3")
    again = next(path.parent for path in Path("outputs").glob("20*/*/config.yaml"))
    assert optimizer_of(again)["others"]["lr"] == 0.3
    assert optimizer_of(again)["matrices"]["lr"] == 0.1


def test_an_argument_with_a_class_of_its_own_is_no_optimizer(command: Command) -> None:
    Path("outer.py").write_text(OUTER)
    inner = "optimizer={inner: {_target_: torch.optim.Adam, _partial_: true}}"
    command(*WORDS, "optimizer._target_=outer.Outer", inner)
    assert optimizer_of(only_run(Path("outputs")))["_target_"] == "outer.Outer"


def test_a_function_that_makes_parameter_groups_is_no_optimizer(command: Command) -> None:
    Path("made.py").write_text("def groups(model): return [{'params': list(model.parameters())}]")
    command(*WORDS, "optimizer.groups={_target_: made.groups}")
    assert optimizer_of(only_run(Path("outputs")))["_target_"] == "torch.optim.Adam"


def test_a_class_typed_beside_them_is_refused(command: Command) -> None:
    line = command(*WORDS, "optimizer._target_=torch.optim.SGD", TYPED, code=2).line
    assert line.startswith("sweepboard: optimizer.matrices: torch.optim.SGD has no such argument")
