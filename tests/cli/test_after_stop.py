"""After any stop the command says what is saved and what to type; a traceback begins in the user's code."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from sweepboard.runs import execute
from sweepboard.tracebacks import users_traceback
from tests.command import TINY, Command, only_run, write_files

STOPS = """
import os, signal
from pathlib import Path
from torch import nn

class Net(nn.Module):
    def __init__(self, outputs: int, after: int = 8, how: str = "fails"):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, outputs))
        self.calls, self.after, self.how = 0, after, how

    def forward(self, inputs):
        self.calls += self.training
        if self.calls == self.after and Path("run.txt").exists():
            self.stop()
        return self.layers(inputs)

    def stop(self):
        if self.how == "fails":
            raise RuntimeError("this is a bug")
        os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.parametrize(("how", "code"), [("fails", 1), ("signal", 130)])
def test_a_stopped_run_says_what_is_saved_and_what_to_type(how: str, code: int, command: Command) -> None:
    write_files({"stops.py": STOPS, "run.txt": ""})
    words = ["model._target_=stops.Net", f"+model.how={how}"]
    said = command(*TINY, *words, code=code)
    run = only_run(Path("outputs"))
    saved, go_on = said.out.splitlines()[-2:]
    assert saved == f"saved: step {6 if how == 'fails' else 8} of 12, in {run}"
    assert go_on.startswith("go on: ")
    typed = shlex.split(go_on.removeprefix("go on: "))
    assert typed[1:] == ["resume", str(run)]
    if how == "fails":
        frames = [line for line in said.err.splitlines() if line.startswith("  File ")]
        assert "stops.py" in frames[0]
    Path("run.txt").unlink()
    assert "going on from step" in command(*typed[1:]).out


def test_a_run_without_a_checkpoint_begins_again(command: Command) -> None:
    write_files({"stops.py": STOPS, "run.txt": ""})
    said = command(*TINY, "model._target_=stops.Net", "+model.after=4", code=1)
    assert said.out.splitlines()[-2].startswith("no checkpoint was saved yet, in outputs/")
    assert said.out.splitlines()[-1].startswith("begin again: ")


def test_an_error_outside_of_the_users_code_keeps_its_whole_traceback() -> None:
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads("{")
    whole = users_traceback(raised.value.with_traceback(raised.tb.tb_next))  # without the frame of this test
    assert "json/__init__.py" in whole
    assert "json/decoder.py" in whole


def test_ctrl_c_before_anything_is_saved_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "new_record", interrupted)
    said = command(*TINY, code=130)
    assert said.line == "sweepboard: interrupted"
    assert said.out.splitlines()[-1] == "nothing was saved yet; type the command again"
