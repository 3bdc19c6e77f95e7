"""Points added to a sweep are those that were asked for: zipped, filtered, of the sweep's moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan_file import read_plan
from tests.command import TINY, Command

SWEEP = ["-m", *TINY, "dataset=gaussian", "optimizer.lr=0.1,0.01", "seed=1,2", "sweep.name=s"]
NET = """
from sweepboard.models.linear import Linear

class Net(Linear):
    def __init__(self, input_shape, outputs, tag=None):
        super().__init__(input_shape, outputs)
"""
RESUME = ["resume", "outputs/sweeps/s"]


@pytest.fixture
def planned(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, whose sweeps are planned and not run."""
    for module in ("resume", "hydra_plugins"):
        monkeypatch.setattr(f"sweepboard.sweeps.{module}.run_jobs", lambda *_, **__: [])
    return command


@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        (["optimizer.lr=0.3,0.4", "trainer.grad_clip=1,2", "sweep.zip=[optimizer.lr,trainer.grad_clip]"], 4),
        (["optimizer.lr=0.5,0.6", "sweep.filter=optimizer.lr * seed > 1.1"], 1),
        (["model=mlp", "sweep.filter=model == 'mlp' and optimizer.lr == 0.01"], 2),
        (["optimizer=sgd", "dataset.batch_size=64,128", "sweep.filter=dataset.batch_size * seed == 128"], 4),
    ],
)
def test_added_points_are_zipped_and_filtered(planned: Command, words: list[str], jobs: int) -> None:
    planned(*SWEEP)
    assert f"{jobs} jobs added" in planned(*RESUME, *words).out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["optimizer.lr=0.7", "sweep.filter=optimizer.lr > 1"], "holds for no added point; add others"),
        (["optimizer.lr=1", "sweep.filter=optimizer.l > 1"], "there is no optimizer.l; did you mean"),
        (["optimizer.lr=[1"], "optimizer.lr=[1: cannot be read"),
        (["sweep.filter=seed > 1"], "sweep.filter: is of points, and none is added"),
        (["trainer.epochs=3", "sweep.zip=[seed,optimizer.lr]"], "sweep.zip: is of points, and none is added"),
        (["optimizer.lr=1,2", "sweep.zip=[optimizer.lr,seed]"], "sweep.zip: seed has no values"),
        (["optimizer.lr=1,2", "seed=3", "sweep.zip=[optimizer.lr,seed]"], "sweep.zip: seed has no values"),
    ],
)  # fmt: skip
def test_what_cannot_be_zipped_or_filtered_is_told(planned: Command, words: list[str], line: str) -> None:
    planned(*SWEEP)
    assert line in planned(*RESUME, *words, code=2).line


def test_the_filter_of_a_sweep_holds_for_what_is_added(planned: Command) -> None:
    planned(*SWEEP, "sweep.filter=optimizer.lr * seed < 0.15")
    assert "2 jobs added" in planned(*RESUME, "optimizer.lr=0.06,0.2").out
    assert "2 jobs added" in planned(*RESUME, "optimizer.lr=0.3", "sweep.filter=null").out


@pytest.mark.parametrize("value", ["${now:%f}", "[1,${now:%H:%M:%S.%f}]", "{at:a-${now:%f},b:1}"])
def test_a_sweep_has_one_moment(planned: Command, value: str) -> None:
    words = [
        "-m",
        *TINY,
        "dataset=gaussian",
        "sweep.name=s",
    ]
    words += ["model._target_=own.Net", f"+model.tag={value}", "seed=1,2"]
    Path("own.py").write_text(NET)
    planned(*words)
    planned(*words)  # it is the same sweep
    assert "2 jobs added" in planned(*RESUME, f"model.tag={value}", "optimizer.lr=0.2").out
    jobs = read_plan(SweepFolder(Path("outputs/sweeps/s"))).jobs
    assert len(jobs) == 4
    assert len({str(job.config.values["model"]["tag"]) for job in jobs}) == 1
