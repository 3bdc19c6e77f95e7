"""Commands of a sweep that meet several parts at once: where results go, Hydra's own parts, odd overrides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.types import RangeSweep
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.command import TINY, Command

BASIC = [*TINY, "hydra/launcher=basic"]


def test_another_output_root_is_found_by_every_verb(command: Command) -> None:
    command("-m", *BASIC, "output_root=other", "optimizer.lr=0.1,0.2")
    assert not Path("outputs").exists()
    [sweep] = Path("other/sweeps").iterdir()
    assert [run["status"] for run in command("ls", "other", "--json").json] == ["finished", "finished"]
    assert len(command("compare", "other", "--json").json) == 2
    assert "2 finished" in command("resume", str(sweep)).out


@pytest.mark.parametrize(("axis", "shown"), [("seed=1,2", 1), ("dataset.val_fraction=0.1,0.2", 2)])
def test_samples_of_one_data_set_are_shown_once(command: Command, axis: str, shown: int) -> None:
    command("-m", *BASIC, "logging.images=4", axis, "sweep.name=samples")
    runs = sorted(path.parent for path in Path("outputs/sweeps/samples").glob("*/run.json"))
    tags = [EventAccumulator(str(run)).Reload().Tags()["images"] for run in runs]
    assert sorted(tags) == sorted([["train/samples"]] * shown + [[]] * (2 - shown))


def test_a_launcher_is_refused_for_one_run(command: Command) -> None:
    said = command(*BASIC, code=2)
    assert said.line == "sweepboard: hydra/launcher=basic: is of a sweep, and this is one run; add -m"
    assert not Path("outputs").exists()


COUNTS_IN_BINARY = len(list(RangeSweep(start=0.7, stop=1, step=0.1).range())) == 4


@pytest.mark.skipif(not COUNTS_IN_BINARY, reason="Hydra 1.4 counts as we do")
@pytest.mark.parametrize("launcher", ["basic", "local"])
@pytest.mark.parametrize(
    ("word", "rest"),
    [
        ("optimizer.lr=range(0.7,1,0.1)", "4 values; type optimizer.lr=0.7,0.8,0.9"),
        ("optimizer.weight_decay=range(0.1,0.4,0.1)", "type optimizer.weight_decay=0.1,0.2,0.3"),
    ],
)
def test_hydras_sweeper_does_not_run_another_number_of_jobs(
    command: Command, word: str, rest: str, launcher: str
) -> None:
    said = command("-m", *TINY, f"hydra/launcher={launcher}", "hydra/sweeper=basic", word, code=2)
    assert f"{word}: hydra/sweeper=basic counts in binary to " in said.line
    assert rest in said.line
    assert not Path("outputs").exists()


def test_an_interval_in_params_of_a_grid_is_told(command: Command) -> None:
    Path("own/experiment").mkdir(parents=True)
    Path("own/experiment/mine.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      optimizer.lr: interval(0.001,0.1)\n"
    )
    said = command("-m", "--config-dir", "own", "experiment=mine", *BASIC, code=2)
    assert "optimizer.lr=interval(0.001,0.1): an interval holds no end of values" in said.line


def test_a_key_deleted_for_every_job_is_in_none(command: Command) -> None:
    Path("own/model").mkdir(parents=True)
    Path("net.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Linear):\n"
        "    def __init__(self, features, outputs, tag='none'):\n"
        "        super().__init__(features, outputs)\n"
        "    def forward(self, inputs):\n"
        "        return super().forward(inputs.flatten(1))\n"
    )
    Path("own/model/net.yaml").write_text(
        "_target_: net.Net\nfeatures: ${facts.features}\noutputs: ${facts.outputs}\ntag: some\n"
    )
    words = [word for word in BASIC if word != "model=linear"]
    command("-m", "--config-dir", "own", "model=net", *words, "~model.tag", "optimizer.lr=0.1,0.2")
    files = sorted(Path("outputs/sweeps").glob("*/*/config.yaml"))
    assert len(files) == 2
    assert not any("tag:" in file.read_text() for file in files)
