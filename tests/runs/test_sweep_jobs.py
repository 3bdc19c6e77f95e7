"""A job of a sweep is a run like any other: resumed, rerun, verified and tested by its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.command import TINY, Command, record_of
from tests.runs.process import assert_the_same

pytestmark = pytest.mark.slow

ARMED = """
import os, signal
from pathlib import Path
from torch.optim import Adam

class Armed(Adam):
    updates = 0

    def step(self, closure=None):
        self.updates += 1
        if self.updates == 9 and self.param_groups[0]["lr"] == 0.1 and Path("armed").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(closure)
"""
ARM = ["optimizer._target_=armed.Armed", "~optimizer.fused", "trainer.checkpoint.every_steps=4"]
LABELLED = """
from sweepboard.training.tasks import Classification

class Labelled(Classification):
    def __init__(self, label, lr_text):
        super().__init__()
        assert '${x}' in label and lr_text == '0.02', (label, lr_text)
"""


def test_a_killed_job_is_resumed_by_its_folder(command: Command) -> None:
    Path("armed.py").write_text(ARMED)
    Path("armed").touch()
    command("-m", *TINY, *ARM, "optimizer.lr=0.1,0.01", "sweep.name=s", code=1)
    job = Path("outputs/sweeps/s/optimizer.lr=0.1")
    assert record_of(job)["reason"].startswith("killed by SIGKILL")
    Path("armed").unlink()
    command("resume", str(job))
    command(*TINY, *ARM, "optimizer.lr=0.1", "hydra.run.dir=reference")
    assert_the_same(job, Path("reference"))
    assert record_of(job)["attempts"] == 2
    assert "2 finished" in command("resume", "outputs/sweeps/s").out  # the sweep sees that nothing is left
    assert record_of(job)["attempts"] == 2
    command("resume", str(job), "trainer.epochs=3")
    assert "identical" in command("verify", str(job)).out
    assert "test_best/accuracy" in command("test", str(job)).out


@pytest.mark.parametrize("texts", [("<<", "- x"), ("k: v", "ß#"), (" é ", "1e5"), ("? a", "*b")])
def test_odd_texts_go_through_a_sweep_a_rerun_and_verify(command: Command, texts: tuple[str, str]) -> None:
    Path("labelled.py").write_text(LABELLED.replace("'${x}' in label", "isinstance(label, str)"))
    values = ",".join(f"'{text}'" for text in texts)
    words = ["task._target_=labelled.Labelled", "~task.label_smoothing", "+task.lr_text='0.02'"]
    command("-m", *TINY, *words, f"+task.label={values}", "sweep.name=s")
    found = {}
    for record in Path("outputs/sweeps/s").glob("*/run.json"):
        found[yaml.safe_load((record.parent / "config.yaml").read_text())["task"]["label"]] = record.parent
    assert set(found) == set(texts)
    for job in found.values():
        command("rerun", str(job))
        assert "identical" in command("verify", str(job)).out


def test_a_rerun_of_a_job_uses_the_values_of_then(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("labelled.py").write_text(LABELLED)
    monkeypatch.setenv("MY_LR", "0.02")
    command(
        "-m", *TINY, "seed=1,2", "sweep.name=s", "optimizer.lr='${oc.decode:${oc.env:MY_LR}}'",
        "task._target_=labelled.Labelled", "~task.label_smoothing", r"+task.label='${now:%S} \${x}'",
        "+task.lr_text=${oc.env:MY_LR}",
    )  # fmt: skip
    job = Path("outputs/sweeps/s/seed=2")
    monkeypatch.setenv("MY_LR", "7")
    assert "the same numbers are expected, bit by bit" in command("rerun", str(job)).out
    (again,) = [path.parent for path in Path("outputs").glob("2*/*/run.json")]
    assert record_of(again)["parent"] == str(job.resolve())
    assert_the_same(again, job)
    then, now = (yaml.safe_load((run / "config.yaml").read_text()) for run in (job, again))
    assert now["task"] == then["task"]
    assert now["optimizer"]["lr"] == 0.02
