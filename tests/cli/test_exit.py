"""`sys.exit` in other people's code never passes for success."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import TINY, Command, only_run, record_of

CODE = """
import argparse
import sys
from torch import nn
from sweepboard.training.tasks import Classification

class Leaving(Classification):
    def __init__(self, how):
        super().__init__()
        self.how = how
    def loss(self, outputs, targets):
        if len(targets) > 4:  # not in the rehearsal
            self.leave()
        return super().loss(outputs, targets)
    def leave(self):
        if self.how == "parser":
            argparse.ArgumentParser().parse_args(["--help"])
        sys.exit(None if self.how == "none" else self.how)

class Net(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        sys.exit(0)
"""


@pytest.fixture(autouse=True)
def code(command: Command) -> None:
    Path("leaving.py").write_text(CODE)


@pytest.mark.parametrize("how", ["0", "7", "none", "parser", "'good bye'"])
def test_a_run_whose_code_leaves_has_failed(command: Command, how: str) -> None:
    said = command(*TINY, "task._target_=leaving.Leaving", "~task.label_smoothing", f"task.how={how}", code=1)
    assert said.err.splitlines()[-1].startswith("sweepboard: the code called sys.exit(")
    record = record_of(only_run(Path("outputs")))
    assert record["status"] == "failed"
    assert said.err.splitlines()[-1] == f"sweepboard: {record['reason']}"


def test_a_model_that_leaves_while_it_is_built(command: Command) -> None:
    said = command(*TINY, "model={_target_:leaving.Net,outputs:10}", code=1)
    assert said.line == "sweepboard: the code called sys.exit(0)"


def test_our_own_parser_leaves_as_ever(command: Command) -> None:
    with pytest.raises(SystemExit) as left:
        command("ls", "--help")
    assert left.value.code == 0
