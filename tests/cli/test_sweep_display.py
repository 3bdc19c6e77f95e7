"""What a person is told of a sweep, fed by events alone."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from sweepboard.cli.progress_line import RewrittenLine
from sweepboard.cli.sweep_display import Lines, LinesOfNotebook, LiveTable, print_results
from sweepboard.cli.sweep_table import groups_of
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import JobView, SweepCallback

FOLDER = SweepFolder(Path("outputs/sweeps/lr"))


def tell(listener: SweepCallback) -> None:
    """A sweep of three jobs: one becomes good, one better, one has a bug."""
    good, better, broken = views = [JobView(f"model.hidden=[{name}]") for name in ("a", "b", "c")]
    listener.on_start(FOLDER, views)
    for view in views:
        view.has_started(None)
        listener.on_state(view)
    for view, accuracy in ((good, 0.5), (better, 0.75)):
        news = {
            "primary_metric": "accuracy",
            "best": {"accuracy": accuracy},
            "epoch": 1.0,
            "total_epochs": 2.0,
        }
        view.update({"validated": news | {"seconds_left": 61.0}})
        listener.on_validation(view)
    broken.update({"error": "KeyError: 'x'", "traceback": "Traceback...\nKeyError: 'x'"})
    for view, state in ((good, "finished"), (broken, "failed"), (better, "finished")):
        view.state = state
        listener.on_state(view)
    listener.on_end(FOLDER, views)


def test_plain_lines_tell_each_end_at_once_and_the_best_first_at_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(Lines())
    told = capsys.readouterr().out
    order = [
        "sweep folder: outputs/sweeps/lr",
        "model.hidden=[a]  epoch 1/2  val/accuracy 0.5",
        "[1/3]  model.hidden=[a]  finished  val/accuracy 0.5",
        "[2/3]  model.hidden=[c]  failed  0:00  KeyError: 'x'",
        "Traceback...",
        "[3/3]  model.hidden=[b]  finished  val/accuracy 0.75",
        "best val/accuracy",
        "model.hidden=[b]  finished  0.75",
        "model.hidden=[a]  finished  0.5",
        "model.hidden=[c]  failed",
        "2 finished, 1 failed",
        "best: model.hidden=[b]  val/accuracy 0.75",
        "in outputs/sweeps/lr/model.hidden=[b]",
        "resume outputs/sweeps/lr --failed",
        "compare outputs/sweeps/lr",
        "board outputs/sweeps/lr",
    ]
    for part in order:
        before, found, told = told.partition(part)
        assert found, f"{part!r} does not come after {before!r}"


def test_a_terminal_has_a_table_that_is_drawn_again(capsys: pytest.CaptureFixture[str]) -> None:
    screen = io.StringIO()
    tell(LiveTable(Console(file=screen, force_terminal=True, width=100, height=20)))
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "\n2 finished, 1 failed" in drawn, "the table as it was last drawn"
    assert "\nmodel.hidden=[a]  finished" in drawn
    assert "KeyError: 'x'" in drawn, "printed at once, above the table"
    assert "model.hidden=[b]  finished  0.75" in capsys.readouterr().out


def jobs(scores: Mapping[tuple[str, int], float]) -> list[JobView]:
    """Finished jobs by their learning rate and seed."""
    return [
        JobView(
            f"optimizer.lr={lr},seed={seed}",
            {"optimizer.lr": f"optimizer.lr={lr}", "seed": f"seed={seed}"},
            state="finished",
            primary_metric="accuracy",
            best={"accuracy": score},
        )
        for (lr, seed), score in scores.items()
    ]


def test_seeds_rank_as_groups_and_swept_values_are_columns_with_short_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lucky = {("0.1", 1): 0.99, ("0.1", 2): 0.01, ("0.01", 1): 0.8, ("0.01", 2): 0.9}
    print_results(FOLDER, jobs(lucky))
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert table[1][:2] == ["lr", "state"]
    assert table[2][:6] == ["0.01", "2", "finished", "0.850", "±", "0.071"]
    assert table[3][:6] == ["0.1", "2", "finished", "0.500", "±", "0.693"]
    assert ["best:", "optimizer.lr=0.01,seed=*"] in [line[:2] for line in table]
    assert ["val/accuracy", "0.9", "in", "outputs/sweeps/lr/optimizer.lr=0.01,seed=2"] in table


def test_a_column_with_nothing_in_it_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    views = jobs({("0.1", 1): 0.99, ("0.01", 1): 0.8})
    print_results(FOLDER, views)
    assert capsys.readouterr().out.split("\n")[1].split() == ["lr", "state", "best", "val/accuracy", "time"]
    views[1].state, views[1].reason = "failed", "it was killed"
    print_results(FOLDER, views)
    assert capsys.readouterr().out.split("\n")[1].split()[-1] == "reason"


def test_a_pruned_job_is_not_best_whatever_its_score_was() -> None:
    pruned, finished = jobs({("0.1", 1): 0.99, ("0.01", 1): 0.8})
    pruned.state = "pruned"
    assert [group.best for group in groups_of([pruned, finished])] == [finished, pruned]


def test_folds_rank_as_groups_too_and_a_test_is_of_the_best_weights(
    capsys: pytest.CaptureFixture[str],
) -> None:
    views = jobs({("0.1", 1): 0.99, ("0.1", 2): 0.01, ("0.01", 1): 0.8, ("0.01", 2): 0.9})
    for view in views:
        fold = view.typed.pop("seed").partition("=")[2]
        view.typed["dataset.fold"] = f"dataset.fold={fold}"
        view.test, view.best_test = {"accuracy": 0.1}, {"accuracy": 0.7}
    print_results(FOLDER, views)
    said = capsys.readouterr().out
    table = [re.split(r"\s{2,}", line.strip()) for line in said.splitlines()]
    assert table[1][:4] == ["lr", "state", "best val/accuracy", "test (best)"]
    assert table[2][:3] == ["0.01", "2 finished", "0.850 ± 0.071 (n = 2)"]
    assert table[2][3].startswith("0.7")
    assert "0.850 ± 0.071 (mean of 2 folds)\n  val/accuracy 0.9 in outputs/sweeps/lr/" in said
    both = [*views, *jobs({("0.01", 3): 0.7})]
    both[-1].typed["dataset.fold"] = "dataset.fold=1"
    assert [group.repeats for group in groups_of(both)] == ["runs", "folds"]


def test_a_notebook_has_a_line_that_is_written_anew(capsys: pytest.CaptureFixture[str]) -> None:
    cell = io.StringIO()
    tell(LinesOfNotebook(RewrittenLine(cell)))
    lines = [[part for part in line.split("\r") if part.strip()] for line in cell.getvalue().split("\n")]
    lasting = [parts[-1] for parts in lines if parts]
    assert lasting[:3] == [
        "sweep folder: outputs/sweeps/lr", "3 jobs",
        "[1/3]  model.hidden=[a]  finished  val/accuracy 0.5  0:00",
    ]  # fmt: skip
    written = [part for parts in lines for part in parts]
    assert "3 waiting" not in lasting
    assert "1 running, 2 waiting" in written
    assert "3 running  best val/accuracy 0.5 (model.hidden=[a])  model.hidden=[a] epoch 1/2" in written
    assert not any("waiting" in line for line in lasting)  # the line is gone in the end
    assert "model.hidden=[b]  finished  0.75" in capsys.readouterr().out
