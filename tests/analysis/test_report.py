"""`sweepboard report`: one page with everything, in which text from run folders is only ever text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sweepboard.analysis import report_data, report_values
from sweepboard.cli import main
from sweepboard.search.importances import importances
from tests.conftest import WriteRun

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 \u202e \U0001f600 {{data}}"


@pytest.fixture
def sweep(tmp_path: Path, write_run: WriteRun) -> Path:
    """Two learning rates with two seeds each, and one run that failed."""
    folder = tmp_path / "sweep"
    for lr, top in ((0.1, 0.7), (0.01, 0.9)):
        for seed in (1, 2):
            curves = {
                "val/accuracy": [(100, 0.5), (200, top + seed / 100), (300, top)],
                "train/loss": [(step, 1 / step) for step in range(1, 31)],
            }
            write_run(folder / f"lr={lr},seed={seed}", {"optimizer.lr": lr, "seed": seed}, curves)
    nan = {"val/accuracy": [(100, 0.1), (200, float("nan"))]}
    failed = {"status": "failed", "reason": HOSTILE}
    write_run(folder / "lr=9,seed=1", {"optimizer.lr": 9.0, "seed": 1}, nan, failed)
    return folder


def written(*arguments: str | Path) -> tuple[str, dict[str, Any]]:
    """The page that `sweepboard report` writes into the working directory, and the data in it."""
    assert main(["report", *map(str, arguments)]) == 0
    page = Path("sweep.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return page, json.loads(found[1])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_page_has_table_curves_and_what_is_recorded(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, data = written(sweep)
    assert re.fullmatch(r"sweep\.html: 5 runs, 0\.\d MB\n", capsys.readouterr().out)
    assert [(row["hparams"], row["status"]) for row in data["rows"]] == [
        ([0.01], "finished"), ([0.1], "finished"), ([9.0], "failed"),
    ]  # fmt: skip
    mean, std, n = data["rows"][0]["metrics"]["val/accuracy"]["best"]
    assert (mean, round(std, 4), n) == (0.915, 0.0071, 2)
    first = data["runs"][0]
    assert first["curves"]["val/accuracy"] == [[100, 200, 300], [0.5, 0.91, 0.9]]  # as logged, not as float32
    assert data["runs"][4]["curves"]["val/accuracy"][1] == [0.1, None]
    assert data["common"]["config.trainer.epochs"]
    assert data["own"][0]["config.optimizer.lr"] == 0.01
    assert any(key.startswith("environment.") for key in data["common"])
    assert data["importances"] == {}


def test_text_from_run_folders_cannot_leave_the_data(sweep: Path) -> None:
    plain, _ = written(sweep, "--where", "lr < 1")
    page, data = written(sweep)
    assert data["runs"][4]["why"] == HOSTILE
    assert page.count("<script") == plain.count("<script")
    assert "alert(1)" in page
    inside = page.partition('id="data">')[2].partition("</script>")[0]
    assert inside.isascii()
    assert not re.search("[<>&]", inside)


def test_a_page_needs_no_network_and_runs_nothing_else(sweep: Path) -> None:
    page, _ = written(sweep)
    assert "content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\"" in page
    assert not re.search(r"""(src|href)=["']?http|@import|url\(""", page)
    assert "Permission is hereby granted" in page  # uPlot's licence


def test_a_page_is_bounded(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in {"MOST_RUNS": 3, "MOST_POINTS": 10, "MOST_TAGS": 2}.items():
        monkeypatch.setattr(report_data, name, most)
    monkeypatch.setattr(report_values, "MOST_TEXT", 40)
    _, data = written(sweep, "--sort", "lr")
    assert (len(data["runs"]), data["left_out"], len(data["tags"])) == (3, 2, 2)
    assert data["runs"][0]["curves"]["train/loss"][0] == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 30]
    assert data["thinned"] == 3
    assert (
        max(map(len, (text for run in data["runs"] for text in run.values() if isinstance(text, str)))) < 80
    )


def test_secrets_of_runs_are_masked(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "sweep" / "a", {"model": "mlp", "optimizer.api_key": "sk-abcdefgh12345678"})
    page, _ = written(tmp_path / "sweep")
    assert "sk-abcdefgh12345678" not in page


def test_where_it_is_written(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(sweep), "--output", str(sweep)]) == 2
    assert "is a folder; give a file" in capsys.readouterr().err
    assert main(["report", str(sweep), "--output", "missing/a.html"]) == 2
    assert (
        capsys.readouterr().err == "sweepboard: missing/a.html cannot be written: No such file or directory\n"
    )


def test_a_page_of_the_user_is_not_replaced_unasked(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(sweep)
    written(sweep)  # a report is
    Path("sweep.html").write_text("<html>mine</html>")
    capsys.readouterr()
    assert main(["report", str(sweep)]) == 2
    assert (
        capsys.readouterr().err
        == "sweepboard: sweep.html is there and is no report; name another file with --output\n"
    )
    assert Path("sweep.html").read_text() == "<html>mine</html>"
    assert main(["report", str(sweep), "--output", "sweep.html"]) == 0


def study(trials: int = 12, **first: Any) -> dict[str, Any]:
    """A study.json in which `lr` decides and `act` does not."""
    entries: list[dict[str, Any]] = [
        {
            "state": "complete",
            "values": [number / trials],
            "parameters": {"lr": 0.1 * number, "act": "ab"[number % 2]},
        }
        for number in range(trials)
    ]
    entries[0] |= first
    return {"objectives": [{"tag": "val/accuracy", "mode": "max"}], "trials": entries}


def test_importances_of_a_search(sweep: Path) -> None:
    pytest.importorskip("optuna")
    (sweep / "study.json").write_text(json.dumps(study()))
    _, data = written(sweep)
    shares = data["importances"]["val/accuracy"]
    assert shares["lr"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "content",
    [
        study(4),
        study(12, parameters={}),
        study(9, values=[]) | {"objectives": [{"tag": "a", "mode": "max"}, {"tag": "b", "mode": "max"}]},
        {"objectives": [], "trials": []},
        {"objectives": 3},
        [],
    ],
)
def test_a_study_that_says_too_little_has_none(tmp_path: Path, content: Any) -> None:
    (tmp_path / "study.json").write_text(json.dumps(content))
    assert importances([tmp_path]) == {}


def test_odd_values_of_a_study_are_taken(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    odd = study(12, parameters={"lr": [1, {"a": None}], "act": 10**400})
    (tmp_path / "study.json").write_text(json.dumps(odd))
    assert list(importances([tmp_path])) == ["val/accuracy"]
