"""What makes runs different runs: what was swept or typed, classes, data. Only seeds are repeats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sweepboard.board.event_reader import read_hparams
from tests.command import Command
from tests.conftest import WriteRun

TINY = ["trainer=debug", "dataset=gaussian", "threads=1"]

PARTS = """
from torch import nn

class One(nn.Module):
    def __init__(self, features, outputs, act=None, other=None):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(features, outputs))
        self.act = act or nn.Identity()

    def forward(self, inputs):
        return self.act(self.layers(inputs))
"""
ONE = "_target_: parts.One\nfeatures: ${facts.features}\noutputs: ${facts.outputs}\n"
FILES = {
    "parts.py": PARTS,
    "c/model/one.yaml": ONE,
    "c/model/withact.yaml": f"defaults: [act: relu, _self_]\n{ONE}",
    "c/model/twoacts.yaml": f"defaults: [act@act: relu, act@other: relu, _self_]\n{ONE}",
    "c/model/act/relu.yaml": "_target_: torch.nn.ReLU\n",
    "c/model/act/tanh.yaml": "_target_: torch.nn.Tanh\n",
    "c/experiment/other.yaml": "# @package _global_\noptimizer: {_target_: torch.optim.AdamW}\n",
    "c/experiment/usual.yaml": "# @package _global_\noptimizer: {_target_: torch.optim.Adam}\n",
}


@pytest.fixture
def own_files(command: Command) -> None:
    for name, text in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def rows(command: Command, path: str = "outputs") -> list[dict[str, Any]]:
    content = command("compare", path, "--json").json
    assert isinstance(content, list)
    return content


def on_the_board(path: str = "outputs") -> list[dict[str, Any]]:
    found = [read_hparams(record.parent) for record in sorted(Path(path).rglob("run.json"))]
    return [row.hparams | {"group": row.group} for row in found if row]


@pytest.mark.parametrize(
    ("words", "column"),
    [
        (
            ["optimizer={_target_:torch.optim.NAdam,lr:0.01},{_target_:torch.optim.RAdam,lr:0.01}"],
            "optimizer",
        ),
        (["model=withact", "model/act=relu,tanh"], "model/act"),
        (["model=twoacts", "model/act@model.other=relu,tanh"], "model/act@model.other"),
        (["model=one", "model.act={_target_:torch.nn.ReLU},{_target_:torch.nn.Tanh}"], "model.act._target_"),
        (["model=mlp", "experiment=usual,other"], "experiment"),
        (["model=mlp", "trainer.checkpoint.every_epochs=1,2"], "trainer.checkpoint.every_epochs"),
        (["model=mlp", "logging.images=0,2"], "logging.images"),
        (["model=mlp", "dataset={workers:0},{workers:1}"], "dataset.workers"),
    ],
    ids=[
        "mapping",
        "nested group",
        "placed group",
        "nested mapping",
        "preset",
        "checkpoints",
        "logging",
        "workers",
    ],
)
@pytest.mark.usefixtures("own_files")
@pytest.mark.slow
def test_whatever_was_swept_is_a_column_and_parts_rows(
    command: Command, words: list[str], column: str
) -> None:
    given = [] if words[0].startswith("model=") else ["model=mlp"]
    command("-m", "--config-dir", "c", *TINY, *given, *words, "sweep.name=s")
    table = rows(command)
    assert [len(row["runs"]) for row in table] == [1, 1]
    keys = set(table[0]["differing"])
    assert column in keys or f"{column}._target_" in keys
    assert len(keys) == 1 + (column == "experiment"), "and nothing else is a column"
    board = on_the_board()
    shown = column if column in board[0] else f"{column}._target_"
    assert board[0][shown] != board[1][shown]
    assert board[0]["group"] != board[1]["group"]


@pytest.mark.usefixtures("own_files")
def test_a_preset_that_takes_the_options_class_away_shows_its_own(command: Command) -> None:
    for preset in ("usual", "other"):
        command("--config-dir", "c", *TINY, "model=mlp", f"experiment={preset}")
    assert {row["optimizer"] for row in on_the_board()} == {"adam", "torch.optim.AdamW"}
    assert {row["differing"]["optimizer"] for row in rows(command)} == {"adam", "torch.optim.AdamW"}


def test_seeds_are_still_one_row(command: Command) -> None:
    command("-m", *TINY, "model=mlp", "optimizer._target_=torch.optim.NAdam", "seed=1,2", "sweep.name=s")
    [row] = rows(command)
    assert (len(row["runs"]), row["differing"]) == (2, {})
    assert len({row["group"] for row in on_the_board()}) == 1


def test_a_key_added_by_resume_is_a_column_of_all_runs(command: Command) -> None:
    command("-m", *TINY, "model=mlp", "seed=1,2", "sweep.name=s")
    command("resume", "outputs/sweeps/s", "dataset.workers=1")
    table = rows(command)
    assert sorted((row["differing"]["dataset.workers"], len(row["runs"])) for row in table) == [
        (0, 2),
        (1, 2),
    ]
    command("resume", "outputs/sweeps/s", "optimizer={_target_:torch.optim.Adamax,lr:0.001}")
    found = [row["differing"] for row in rows(command)]
    assert {"torch.optim.Adamax", "torch.optim.Adam"} == {each["optimizer._target_"] for each in found}


def images(folder: Path, seed: int) -> None:
    draws = np.random.default_rng(seed)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(20):  # noise: files of the same size
            noise = draws.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / name / f"{number}.png")


def test_other_pictures_of_the_same_names_and_sizes_are_other_data(command: Command) -> None:
    for seed, name in enumerate(("pa", "pb", "pa-again")):
        images(Path(name), min(seed % 2, 1))
    words = ["trainer=debug", "threads=1", "model=linear", "dataset=image_folder", "dataset.image_size=8"]
    for name in ("pa", "pb", "pa-again"):
        command(*words, "dataset.workers=0", f"dataset.root={name}", f"hydra.run.dir=outputs/{name}")
    table = rows(command)
    assert sorted((row["differing"]["dataset.root"], len(row["runs"])) for row in table) == [
        ("pa", 2),
        ("pb", 1),
    ], "the same data elsewhere is a repeat"
    assert len({row["group"] for row in on_the_board()}) == 2
    assert "data" in {each["kind"] for each in command("check", "outputs", "--json", code=1).json}


@pytest.mark.parametrize(
    ("one", "other", "columns"),
    [
        ({"optimizer._target_": "torch.optim.NAdam"}, {}, ["optimizer._target_"]),
        ({"model.act._target_": "a.A"}, {"model.act._target_": "a.B"}, ["model.act._target_"]),
        ({"model": "a", "model._target_": "x.A"}, {"model": "b", "model._target_": "x.B"}, ["model"]),
        ({"model.items": [{"_target_": "x.A"}]}, {"model.items": [{"_target_": "x.B"}]}, ["model.items"]),
    ],
)  # fmt: skip
def test_runs_of_other_classes_never_average(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str],
    one: dict[str, Any], other: dict[str, Any], columns: list[str],
) -> None:  # fmt: skip
    from sweepboard.cli import main

    for number, config in enumerate((one, other)):
        for seed in (1, 2):
            write_run(tmp_path / f"{number}-{seed}", {**config, "seed": seed})
    assert main(["compare", str(tmp_path), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [len(row["runs"]) for row in table] == [2, 2]
    assert list(table[0]["differing"]) == columns


@pytest.mark.parametrize(
    ("same", "root", "column"),
    [(False, "/a", "dataset.root"), (False, "/b", "dataset.root"), (True, "/b", None), (False, None, "data")],
)
def test_data_is_told_by_its_folder_or_by_its_digest(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str],
    same: bool, root: str | None, column: str | None,
) -> None:  # fmt: skip
    from sweepboard.cli import main

    write_run(tmp_path / "1", {"dataset.root": root and "/a"}, record={"data_content": "c1"})
    write_run(tmp_path / "2", {"dataset.root": root}, record={"data_content": "c1" if same else "c2"})
    assert main(["compare", str(tmp_path), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [list(row["differing"]) for row in table] == ([[column], [column]] if column else [[]])


def test_other_data_is_told_for_other_seeds_and_where_only_the_folder_is_known(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    from sweepboard.cli import main

    write_run(tmp_path / "x" / "a", {"seed": 1}, record={"data_content": "c1", "data_fingerprint": "f1"})
    write_run(tmp_path / "x" / "b", {"seed": 2}, record={"data_content": "c2", "data_fingerprint": "f2"})
    assert main(["check", str(tmp_path / "x")]) == 1
    assert "data: content of the data: c1 in a, c2 in b" in capsys.readouterr().out
    for name in "ab":
        write_run(tmp_path / "y" / name, {"dataset.root": f"/{name}"}, record={"data_fingerprint": ""})
    assert main(["check", str(tmp_path / "y")]) == 1
    assert capsys.readouterr().out == "data: dataset.root: /a in a, /b in b\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "values"),
    [("dataset.workers", (0, 1)), ("logging.images", (0, 2)), ("trainer.checkpoint.every_epochs", (1, 2))],
)
def test_the_only_axis_of_a_search_is_a_column(command: Command, key: str, values: tuple[int, int]) -> None:
    pytest.importorskip("optuna")
    command("-m", "hydra/sweeper=optuna", "hydra.sweeper.sampler=grid", "hydra.sweeper.trials=2", *TINY,
            "model=mlp", f"{key}={values[0]},{values[1]}", "sweep.name=s")  # fmt: skip
    assert sorted(row["differing"][key] for row in rows(command)) == list(values)
    assert {row[key] for row in on_the_board()} == set(values)
