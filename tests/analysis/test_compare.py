"""`sweepboard compare`: the table, its other forms, and the picture."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from sweepboard.analysis.compare import compare
from sweepboard.analysis.load import read_runs
from sweepboard.analysis.plots import plot
from sweepboard.cli import main
from sweepboard.errors import UserError
from tests.conftest import WriteRun


@pytest.fixture
def sweep(tmp_path: Path, write_run: WriteRun) -> Path:
    """Two learning rates with two seeds each, and one run that diverged."""
    for lr, top in ((0.1, 0.7), (0.01, 0.9)):
        for seed in (1, 2):
            accuracy = [(100, 0.5), (200, top + seed / 100), (300, top)]
            curves = {"val/accuracy": accuracy, "train/loss": [(100, 1.0), (300, 1 - top)], "lr": [(100, lr)]}
            write_run(tmp_path / f"lr={lr},seed={seed}", {"optimizer.lr": lr, "seed": seed}, curves)
    nan = {"val/accuracy": [(100, 0.1), (200, float("nan"))], "train/loss": [(100, float("nan"))]}
    write_run(tmp_path / "lr=9,seed=1", {"optimizer.lr": 9.0, "seed": 1}, nan, {"status": "failed"})
    return tmp_path


def test_seeds_of_one_config_are_one_row_and_only_what_differs_is_a_column(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(sweep), "--metric", "val/accuracy"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells == [
        ["lr", "runs", "best val/accuracy", "at step", "last", "time", "status", "run"],
        [
            "0.01",
            "2",
            "0.9150 ± 0.0071 (n = 2)",
            "200",
            "0.9 ± 0.0 (n = 2)",
            "0:50",
            "finished",
            "lr=0.01,seed=*",
        ],
        [
            "0.1",
            "2",
            "0.7150 ± 0.0071 (n = 2)",
            "200",
            "0.7 ± 0.0 (n = 2)",
            "0:50",
            "finished",
            "lr=0.1,seed=*",
        ],
        ["9", "1", "0.1000", "100", "nan", "0:50", "failed", "lr=9,seed=1"],
    ]


def table_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    assert main(["compare", *arguments, "--metric", "val/loss", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    return [
        [row["label"], str(len(row["runs"])), f"{row['metrics']['val/loss']['last']['mean']:g}"]
        for row in rows
    ]


def test_folds_are_one_row_as_seeds_are(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for lr in (0.1, 0.2):
        for fold in (0, 1, 2):
            config = {
                "optimizer.lr": lr,
                "dataset.fold": fold,
                "dataset.val.fold": fold,
                "dataset.subset": fold,
                "seed": 1,
            }
            write_run(tmp_path / f"lr={lr},fold={fold}", config, {"val/loss": [(1, lr + fold)]})
    where = str(tmp_path)
    assert table_of(capsys, where, "--average", "dataset.subset") == [
        ["lr=0.1", "3", "1.1"],
        ["lr=0.2", "3", "1.2"],
    ]
    assert table_of(capsys, where, "--average", "subset") == table_of(capsys, where, "--average", "*.subset")
    assert len(table_of(capsys, where)) == 6  # they differ in dataset.subset, too
    assert len(table_of(capsys, where, "--average", "subset", "--runs")) == 6
    assert (
        len(table_of(capsys, where, "--average", "subset", "--where", "dataset.fold > 0 and lr < 0.2")) == 1
    )
    assert not caplog.messages
    assert main(["compare", where, "--average", "dataset.subst"]) == 2
    assert "--average dataset.subst: no run has it; did you mean dataset.subset?" in capsys.readouterr().err


def test_runs_that_differ_in_the_fold_only(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for fold in (0, 1):
        write_run(tmp_path / f"fold={fold}", {"dataset.fold": fold}, {"val/loss": [(1, fold)]})
    assert table_of(capsys, str(tmp_path)) == [["fold=*", "2", "0.5"]]


def test_where_and_sort(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", str(sweep), "--where", "lr < 1 and seed == 1", "--sort", "lr", "--runs", "--json"]
    assert main(command) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["lr=0.01,seed=1", "lr=0.1,seed=1"]
    assert main([*command, "--reverse"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["lr=0.1,seed=1", "lr=0.01,seed=1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "optimiser.lr < 1"], "no run has 'optimiser.lr'; did you mean optimizer.lr?"),
        (["--where", "lr > 100"], "--where 'lr > 100' leaves none of 5 runs"),
        (["--sort", "val/acuracy"], "no run has 'val/acuracy'; did you mean val/accuracy?"),
        (["--metric", "val/acc"], "--metric val/acc: no run has it; did you mean val/accuracy?"),
    ],
)
def test_a_name_that_no_run_has(
    sweep: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["compare", str(sweep), *arguments]) == 2
    assert capsys.readouterr().err == f"sweepboard: {message}\n"


def test_a_folder_without_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "gone")]) == 2
    assert "gone: no such folder" in capsys.readouterr().err
    assert main(["compare", str(tmp_path)]) == 2
    assert "no runs here" in capsys.readouterr().err


def test_csv_has_every_metric_in_full_precision(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["optimizer.lr"] for row in rows] == ["0.01", "0.1", "9.0"]
    assert float(rows[0]["best(val/accuracy)"]) == pytest.approx(0.915, abs=1e-7)
    assert float(rows[0]["best(val/accuracy) std"]) == pytest.approx(0.0070710, abs=1e-6)
    assert rows[0]["step(train/loss)"] == "300.0"
    assert rows[0]["seeds"] == "1 2"
    assert rows[2]["last(val/accuracy)"] == ""


def test_json_is_json_and_says_which_runs(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [row["label"] for row in rows] == ["lr=0.01", "lr=0.1", "lr=9"]
    assert rows[0]["differing"] == {"optimizer.lr": 0.01}
    assert rows[0]["metrics"]["val/accuracy"]["best"]["n"] == 2
    assert [run["seed"] for run in rows[0]["runs"]] == [1, 2]


def test_markdown(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--markdown", "--metric", "train/loss", "--where", "lr == 0.1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| runs | best train/loss | at step | last | time | run |",
        "| --- | --- | --- | --- | --- | --- |",
        "| 2 | 0.3 ± 0.0 (n = 2) | 300 | 0.3 ± 0.0 (n = 2) | 0:50 | lr=0.1,seed=* |",
    ]


def test_a_metric_missing_in_one_seed_is_counted(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, curves in enumerate(([(1, 0.5)], [(1, 0.7)], [])):
        write_run(tmp_path / str(seed), {"seed": seed}, {"val/accuracy": curves, "val/loss": [(1, 1.0)]})
    assert main(["compare", str(tmp_path)]) == 0
    assert "0.60 ± 0.14 (2 of 3)" in capsys.readouterr().out


def test_a_run_without_event_files_is_compared_by_its_record(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        record = {
            "metrics": {"val/accuracy": 0.5, "val/loss": math.nan},
            "best": {"accuracy": 0.6},
            "step": 70,
        }
        run = write_run(tmp_path / name, {"model": name}, {}, record)
        for path in run.glob("*tfevents*"):
            path.unlink()
    assert main(["compare", str(tmp_path), "--json"]) == 0
    score = json.loads(capsys.readouterr().out)[0]["metrics"]["val/accuracy"]
    assert (score["last"]["mean"], score["best"]["mean"], score["step"]) == (0.5, 0.6, None)
    assert main(["compare", str(tmp_path)]) == 0
    assert "0.6                         0.5" in capsys.readouterr().out  # best, no step, last


def test_runs_of_other_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, lr in (("a", 0.1), ("b", 0.2)):
        with SummaryWriter(tmp_path / name) as writer:
            for step in range(5):
                writer.add_scalar("val_loss", lr * (3 - step), step)
            writer.add_hparams({"lr": lr, "batch": 64, "seed": 3}, {"hparam/score": 1.0})
    assert main(["compare", str(tmp_path), "--sort", "val_loss", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["differing"] for row in rows] == [{"lr": 0.2}, {"lr": 0.1}]  # add_hparams' folder is no run
    assert rows[0]["metrics"]["val_loss"]["mode"] == "min"
    assert rows[0]["metrics"]["val_loss"]["best"]["mean"] == pytest.approx(-0.2)
    assert rows[0]["hparams"] == {"lr": 0.2, "batch": 64}
    assert rows[0]["runs"][0]["seed"] == 3


def test_links_and_aggregates_are_no_runs(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sweep / "latest").symlink_to(sweep / "lr=0.1,seed=1")
    assert main(["compare", str(sweep), str(sweep / "lr=0.1,seed=1"), "--runs", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5


@pytest.mark.parametrize(
    "swept",
    [
        [{"optimizer.lr": lr, "seed": seed} for lr in (0.1, 0.01) for seed in range(5)],  # a band
        [
            {"optimizer.lr": lr, "model.dropout": drop} for lr in (0.1, 0.01) for drop in (0.0, 0.5)
        ],  # a heat map
        [{"optimizer.lr": 0.1 / n, "model.dropout": n / 10} for n in range(1, 5)],  # a random search
        [{"model": name} for name in ("cnn", "mlp")],
        [{"model": name, "optimizer.lr": n, "task.x": name} for n in range(1, 8) for name in "ab"],  # many
        [{}],
    ],
    ids=["seeds", "grid", "search", "names", "many", "one"],
)
def test_a_picture_of_any_sweep(
    tmp_path: Path, write_run: WriteRun, swept: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    for number, config in enumerate(swept):
        write_run(tmp_path / "runs" / str(number), config)
    picture = tmp_path / "compare.png"
    assert main(["compare", str(tmp_path / "runs"), "--plot", str(picture), "--smooth", "0.5"]) == 0, (
        capsys.readouterr().err
    )
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(sweep), "--plot", str(sweep / "no" / "a.png")]) == 2
    assert main(["compare", str(sweep), "--plot", str(sweep / "a.xyz")]) == 2
    assert capsys.readouterr().err.count("sweepboard: --plot") == 2


@pytest.mark.slow
def test_two_hundred_runs(tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    for config in range(50):
        for seed in range(4):
            curves = {
                "val/accuracy": [(step, config / 100 + seed / 1000 - 1 / step) for step in range(1, 101)]
            }
            write_run(tmp_path / f"{config}-{seed}", {"optimizer.lr": 1 / (1 + config), "seed": seed}, curves)
    assert main(["compare", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 50
    for place, row in enumerate(rows):
        best = row["metrics"]["val/accuracy"]["best"]
        assert best["n"] == 4
        assert best["mean"] == pytest.approx((49 - place) / 100 + 0.0015 - 0.01, abs=1e-6)


def test_runs_of_one_point_that_differ_in_nothing_have_no_picture(
    tmp_path: Path, write_run: WriteRun
) -> None:
    for seed in (1, 2):
        write_run(tmp_path / f"seed={seed}", {"seed": seed}, {"val/accuracy": [(1, 0.5)]})
    with pytest.raises(UserError, match="neither curves nor a swept setting"):
        plot(compare(read_runs([tmp_path])), tmp_path / "x.png")


@pytest.mark.parametrize("name", ["\u635f\u5931", "\U0001f40d", "a$b_{c}$", r"\\frac{", "x" * 300])
def test_a_picture_of_any_names(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for number, value in enumerate((f"{name}1", f"{name}2", "plain")):
        curves = {f"val/{name}": [(1, 0.5), (2, 0.1 * number)]}
        write_run(tmp_path / "runs" / str(number), {"model.kind": value, "task.x": value}, curves)
    picture = str(tmp_path / "p.png")
    command = ["compare", str(tmp_path / "runs"), "--metric", f"val/{name}", "--plot", picture]
    assert main(command) == 0, capsys.readouterr().err


def test_numbers_as_text_are_sorted_as_numbers(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, lr in {"a": "1e-1", "b": "2e-3", "c": 0.02, "d": "nan", "e": "auto"}.items():
        write_run(tmp_path / name, {"optimizer.lr": lr})
    rows = compare(read_runs([tmp_path]), sort="lr").rows
    assert [row.value("optimizer.lr") for row in rows] == ["2e-3", 0.02, "1e-1", "auto", "nan"]


def test_runs_of_one_seed_are_one_repeat(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for name, seed, value in (("a", 1, 0.5), ("again", 1, 0.5), ("b", 2, 0.7)):
        write_run(tmp_path / name, {"seed": seed}, {"val/accuracy": [(1, 0.25), (2, value)]})
    write_run(tmp_path / "other", {"seed": 1, "optimizer.lr": 9.0}, {"val/accuracy": [(1, 0.1), (2, 0.2)]})
    write_run(tmp_path / "twice", {"seed": 1, "optimizer.lr": 9.0}, {"val/accuracy": [(1, 0.1), (2, 0.2)]})
    assert main(["compare", str(tmp_path), "--metric", "val/accuracy"]) == 0
    said = capsys.readouterr()
    assert "0.60 ± 0.14 (n = 2)" in said.out
    assert "0.20  " in said.out  # no deviation of one repeat
    assert "one repeat, their mean; --runs shows them apart" in caplog.text
    rows = compare(read_runs([tmp_path])).rows
    assert [len(row.repeats) for row in rows] == [2, 1]
    assert [len(row.curves("val/accuracy")) for row in rows] == [2, 1]
    steps, values = rows[1].curves("val/accuracy")[0]
    assert (steps.tolist(), values.round(6).tolist()) == ([1, 2], [0.1, 0.2])


def test_a_test_says_of_which_weights_it_is(
    tmp_path: Path, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    curves = {
        "val/accuracy": [(1, 0.9), (2, 0.8)],
        "test/accuracy": [(2, 0.7)],
        "test_best/accuracy": [(1, 0.8)],
    }
    command = ["compare", str(tmp_path), "--metric", "test*/accuracy", "--markdown"]
    write_run(tmp_path / "a", {"model": "a"}, curves, {"best_step": 2})
    assert main(command) == 0
    assert "| test/accuracy (best) | test/accuracy |" in capsys.readouterr().out
    write_run(tmp_path / "b", {"model": "b"}, curves, {"best_step": 1})
    assert main(command) == 0
    assert "| test/accuracy (best) | test/accuracy (last) |" in capsys.readouterr().out
