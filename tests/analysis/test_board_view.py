"""What a TensorBoard shows first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from sweepboard.analysis.board_view import Shown, colour_pattern, in_order, query, shown_runs, swept_key
from tests.conftest import WriteRun


def pinned(runs: list[Shown]) -> list[str]:
    return [card["tag"] for card in json.loads(parse_qs(query(runs))["pinnedCards"][0])]


def test_the_training_loss_and_the_primary_metrics_are_pinned() -> None:
    accuracy, error = Shown("a", "val/accuracy"), Shown("b", "val/mse")
    assert pinned([accuracy]) == ["train/loss", "val/accuracy"]
    assert pinned([error, accuracy, accuracy]) == ["train/loss", "val/accuracy", "val/mse"]
    assert pinned([Shown("a", "train/loss")]) == ["train/loss"]
    assert len(pinned([Shown(str(n), f"val/{n}") for n in range(9)])) == 4


def test_curves_are_not_smoothed() -> None:
    assert query([]) == "smoothing=0"
    assert parse_qs(query([Shown("a", "val/accuracy")]))["smoothing"] == ["0"]


SWEEP = [Shown(f"sweeps/s/optimizer.lr={lr},seed={seed}", of_sweep=True) for lr in (1, 2) for seed in (1, 2)]


def test_jobs_of_sweeps_are_coloured_by_the_swept_key() -> None:
    assert colour_pattern(SWEEP) == "(?:^|[/,])optimizer.lr=([^,]*)"
    other = [Shown(f"sweeps/t/model={name}", of_sweep=True) for name in ("mlp", "cnn")]
    assert colour_pattern([*SWEEP, *other]) == "(?:^|[/,])optimizer.lr=([^,]*)|(?:^|[/,])model=([^,]*)"
    assert "runColorGroup" in query(SWEEP)


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [Shown("day/run")],
        [*SWEEP, Shown("day/run")],
        [Shown(f"s/seed={seed}", of_sweep=True) for seed in (1, 2)],
    ],
    ids=["none", "no sweep", "others beside it", "seeds alone"],
)
def test_otherwise_each_run_has_its_own_colour(runs: list[Shown]) -> None:
    assert colour_pattern(runs) is None


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        (["a=1,b=1", "a=1,b=2"], "b"),
        (["seed=1,a=1", "seed=2,a=2"], "a"),
        (["model=mlp,model.hidden=4", "model=cnn"], "model"),
        (["no-task.x", "task.x=1"], None),
        (["job"], None),
    ],
)
def test_the_first_key_that_differs_and_that_all_jobs_have(labels: list[str], key: str | None) -> None:
    assert swept_key(labels) == key


def test_runs_below_a_log_directory(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "s" / "lr=1", record={"swept": ["optimizer.lr"], "primary_metric": "accuracy"})
    write_run(tmp_path / "own", record={"primary_metric": "/reward"})
    for name, content in {"torn": "{", "odd": "[]", "typed": '{"primary_metric": 3}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    assert sorted(shown_runs(tmp_path), key=lambda run: run.name) == [
        Shown("own", "reward"), Shown("s/lr=1", "val/accuracy", of_sweep=True), Shown("typed"),
    ]  # fmt: skip
    assert shown_runs(tmp_path / "gone") == []


def row(run: str, hparams: dict[str, Any], *tags: str) -> dict[str, Any]:
    values = [{"name": {"group": "", "tag": tag}, "value": 1} for tag in tags]
    return {"name": run, "hparams": hparams, "sessions": [{"name": run, "metricValues": values}]}


def ordered(rows: list[dict[str, Any]], runs: list[Shown]) -> tuple[list[str], list[str]]:
    """The columns in order: hyperparameters, and metrics."""
    names = sorted({name for each in rows for name in each["hparams"]})
    tags = {value["name"]["tag"] for each in rows for value in each["sessions"][0]["metricValues"]}
    experiment = {
        "hparamInfos": [{"name": name, "differs": name != "same"} for name in names],
        "metricInfos": [{"name": {"tag": tag}} for tag in sorted(tags)],
    }
    found = in_order(experiment, rows, runs)
    return [each["name"] for each in found["hparamInfos"]], [
        each["name"]["tag"] for each in found["metricInfos"]
    ]


ALL = ["test/accuracy", "test/loss", "train/accuracy", "train/epoch", "train/loss", "train/lr",
       "val/accuracy", "val/loss", "val_best/accuracy", "val_best/loss"]  # fmt: skip


def test_the_primary_metric_stands_first_and_the_test_beside_it() -> None:
    rows = [row("a", {"lr": 1, "same": 2}, *ALL), row("running", {"lr": 2, "same": 2}, "train/loss")]
    hparams, metrics = ordered(rows, [Shown("a", "val/accuracy"), Shown("running", "val/accuracy")])
    assert hparams == ["lr", "same"]
    assert metrics[:4] == ["val/accuracy", "val_best/accuracy", "test/accuracy", "val/loss"]
    assert sorted(metrics) == ALL


def test_on_a_board_of_several_tasks_what_all_have_stands_first() -> None:
    rows = [
        row("a", {"model": "cnn", "dropout": 1, "same": 2}, *ALL),
        row("b", {"model": "mlp", "same": 2}, "val/loss", "train/loss", "val/mse", "train/lr"),
    ]
    hparams, metrics = ordered(rows, [Shown("a", "val/accuracy"), Shown("b", "val/mse")])
    assert hparams == ["model", "same", "dropout"]
    assert metrics[:3] == ["val/loss", "train/loss", "train/lr"]
    assert {"val/accuracy", "val/mse"} <= set(metrics[3:])


def test_a_table_without_metrics_is_left_as_it_is() -> None:
    assert in_order({}, [], []) == {}
    assert in_order({"hparamInfos": []}, [], []) == {"hparamInfos": []}
