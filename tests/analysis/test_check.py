"""`sweepboard check`: every condition that differs is named, and comparable runs are silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch.utils.tensorboard import SummaryWriter

from sweepboard.cli import main
from sweepboard.runs.folder import RunFolder
from tests.conftest import DEFAULT_CURVES, ENVIRONMENT, WriteRun


def differences(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    code = main(["check", str(folder), "--json"])
    found = [(each["kind"], each["what"]) for each in json.loads(capsys.readouterr().out)]
    assert code == (1 if found else 0)
    return found


def test_a_sweep_over_hyperparameters_and_seeds_is_comparable(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for lr in (0.1, 0.2):
        for seed in (1, 2):  # the seed draws the validation split
            record = {"data_fingerprint": f"split {seed}"}
            write_run(tmp_path / f"{lr},{seed}", {"optimizer.lr": lr, "seed": seed}, None, record)
    assert main(["check", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "4 runs over optimizer.lr: comparable\n")


NO_TEST = {tag: points for tag, points in DEFAULT_CURVES.items() if not tag.startswith("test/")}
CHANGE = {
    "when": 1.0, "step": 12, "differences": ["train samples: 40 -> 39", "classes: a -> b"],
    "data_fingerprint": "f2", "samples": {}, "classes": [], "sources": {}, "weights": {},
}  # fmt: skip
FAILED = {"status": "failed", "step": 30}
OTHER_TORCH = ENVIRONMENT["torch"] | {"version": "3.0"}
WITH_GPU = ENVIRONMENT["hardware"] | {"host": "there", "gpus": ["H100"]}


@pytest.mark.parametrize(
    ("changes", "kind", "what"),
    [
        ({"curves": NO_TEST}, "tags", "test/accuracy: missing in b"),
        ({"config": {"facts.steps_per_epoch": 50}}, "step-unit", "updates in an epoch: 100 in a, 50 in b"),
        (
            {"record": {"data_fingerprint": "other"}},
            "data",
            "fingerprint of data and split for seed 0: f1 in a, other in b",
        ),
        ({"config": {"dataset": "mnist"}}, "data", "data set: fashion_mini in a, mnist in b"),
        (
            {"config": {"trainer.limit_val_batches": 3}},
            "evaluation",
            "trainer.limit_val_batches: none in a, 3 in b",
        ),
        (
            {"config": {"dataset.validate_on": "test"}},
            "evaluation",
            "dataset.validate_on: split in a, test in b",
        ),
        ({"config": {"task.label_smoothing": 0.1}}, "evaluation", "task.label_smoothing: 0 in a, 0.1 in b"),
        ({"config": {"facts.epochs": 9}}, "length", "epochs: 5 in a, 9 in b"),
        ({"record": FAILED}, "length", "end: finished in a, failed at step 30 of 500 in b"),
        ({"config": {"optimizer.lr": 0.5, "seed": 7}}, "seeds", "0 for a; 7 for b"),
        ({"environment": {"code": {"commit": "beef"}}}, "code", "commit: c0ffee in a, beef in b"),
        (
            {"environment": {"sources": {"mine": "d2", "more": "d1"}}},
            "code",
            "own module mine: d1 in a, d2 in b",
        ),
        (
            {"record": {"changed": [CHANGE]}},
            "resumed",
            "accepted changes: none in a, train samples: 40 -> 39, classes: a -> b, from step 12 in b",
        ),
        ({"record": {"sweepboard": "9.9"}}, "versions", "sweepboard: 0.1.0 in a, 9.9 in b"),
        ({"environment": {"torch": OTHER_TORCH}}, "versions", "torch: 2.15.0 in a, 3.0 in b"),
        ({"environment": {"packages": {"numpy": "1.0"}}}, "versions", "numpy: 2.4.6 in a, 1.0 in b"),
        ({"config": {"trainer.precision": "bf16"}}, "arithmetic", "trainer.precision: fp32 in a, bf16 in b"),
        ({"config": {"threads": 2}}, "arithmetic", "threads: 1 in a, 2 in b"),
        ({"environment": {"hardware": WITH_GPU}}, "hardware", "GPUs: none in a, H100 in b"),
    ],
)
def test_each_condition_is_named_alone(
    tmp_path: Path,
    write_run: WriteRun,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    kind: str,
    what: str,
) -> None:
    write_run(tmp_path / "a", environment={"sources": {"mine": "d1"}})
    write_run(tmp_path / "b", **{"environment": {"sources": {"mine": "d1"}}, **changes})
    assert differences(tmp_path, capsys) == [(kind, what)]


def test_uncommitted_changes_are_told_apart(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        write_run(tmp_path / name)
    RunFolder(tmp_path / "c").changes.write_text("+ x = 1\n")
    [(kind, what)] = differences(tmp_path, capsys)
    assert kind == "code"
    assert what.startswith("uncommitted changes: none in a and b, ")
    assert what.endswith(" in c")


def test_runs_of_other_tools_by_tags_steps_and_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, every in (("by-epoch", 1), ("by-update", 100)):
        with SummaryWriter(tmp_path / name) as writer:
            for step in range(0, 10 * every, every):
                writer.add_scalar("val_loss", 1.0, step)
    assert differences(tmp_path, capsys) == [
        (
            "step-unit",
            "val_loss is 1 steps apart in by-epoch and 100 in by-update: "
            "do their steps count the same thing?",
        ),
        ("length", "last step: 9 in by-epoch, 900 in by-update"),
    ]


def test_the_unit_of_steps_shows_in_the_logged_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, updates in (("epochs", 1), ("updates", 3)):
        with SummaryWriter(tmp_path / name) as writer:
            for epoch in range(5):
                writer.add_scalar("epoch", epoch, epoch * updates)
    assert differences(tmp_path, capsys) == [
        ("step-unit", "a step: an epoch in epochs, an update in updates")
    ]
