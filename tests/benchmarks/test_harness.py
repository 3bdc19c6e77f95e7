"""The harness: ratios of medians, bars, gates, and what a command took."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.arms import Arm
from benchmarks.bars import Bar, Round, faster, same
from benchmarks.clock import microseconds_per_update
from benchmarks.harness import Row, measure, monitor
from benchmarks.process import CommandFailed, _children, run
from benchmarks.report import as_markdown, load, record, save
from benchmarks.rows import ROWS
from benchmarks.turns import run_in_turns

OURS, THEIRS = Arm("ours", ()), Arm("theirs", ())
ROW = Row(
    "row", "work", "them", (OURS, THEIRS), (faster(OURS, THEIRS, 2.0),), (same("updates", OURS, THEIRS),)
)


def rounds(*walls: tuple[float, float], updates: float = 10.0) -> list[dict[str, dict[str, float]]]:
    return [
        {"ours": {"wall": a, "updates": 10.0}, "theirs": {"wall": b, "updates": updates}} for a, b in walls
    ]


def python(code: str) -> Arm:
    return Arm("python", ((sys.executable, "-c", code),))


def test_a_ratio_is_that_of_the_medians_and_its_range_that_of_single_rounds() -> None:
    (reading,) = monitor(ROW, rounds((1.0, 3.0), (2.0, 5.0), (9.0, 9.0))).readings
    assert (reading.value, reading.low, reading.high) == (2.5, 1.0, 3.0)
    assert reading.reached
    assert not monitor(ROW, rounds((2.0, 3.0))).readings[0].reached


def test_a_gate_that_fails_in_one_round_breaks_the_row() -> None:
    assert monitor(ROW, rounds((1.0, 2.0))).broken == []
    assert monitor(ROW, rounds((1.0, 2.0), updates=9.0)).broken == ["same updates"]


def test_a_command_tells_facts_and_its_orphans_time_is_counted(tmp_path: Path) -> None:
    burn = "import time; start = time.process_time()\nwhile time.process_time() < start + 0.3: pass"
    code = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {burn!r}])
print('{{"updates": 3, "first_at": %f}}' % time.time())
"""
    sample = run([sys.executable, "-c", code], tmp_path)
    assert sample["cpu"] >= 0.3
    assert sample["updates"] == 3
    assert 0 < sample["first"] <= sample["wall"] + 1
    assert sample["memory"] > 1


def test_a_command_that_fails_says_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no such thing") as failure:
        run([sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"], tmp_path)
    assert "exit code 3" in str(failure.value)


TURNS = """
import sys
from benchmarks.turns import Turns
blocks, name, order = sys.argv[1:]
turns = Turns()
for block in range(int(blocks)):
    with open(order, "a") as file:
        file.write(name if block else "")
    turns.wait()
print('{"blocks": %s}' % blocks)
"""


def test_arms_take_turns_of_a_block_until_each_has_done_its_own(tmp_path: Path) -> None:
    order = tmp_path / "order"
    arms = [
        Arm(name, ((sys.executable, "-c", TURNS, blocks, name, str(order)),))
        for name, blocks in (("a", "7"), ("b", "4"))
    ]
    samples = run_in_turns(arms, 0)
    assert {name: sample["blocks"] for name, sample in samples.items()} == {"a": 7, "b": 4}
    assert order.read_text() in ("ababab" + "aaa", "bababa" + "aaa")


@pytest.mark.parametrize("broken", ["1 / 0", "import benchmarks.turns", TURNS + "1 / 0"])
def test_an_arm_that_ends_early_ends_its_round(broken: str) -> None:
    arms = [
        Arm("a", ((sys.executable, "-c", TURNS, "9", "a", os.devnull),)),
        Arm("b", ((sys.executable, "-c", broken, "1", "b", os.devnull),)),
    ]
    before = _children(os.getpid())
    with pytest.raises(CommandFailed, match=r"ZeroDivisionError|no update was made"):
        run_in_turns(arms, 0)
    assert _children(os.getpid()) <= before


def test_a_failing_arm_costs_only_its_own_row() -> None:
    def row(name: str, code: str) -> Row:
        arm = python(code)
        return Row(name, "", "", (arm,), (Bar("wall", lambda given: given["python"]["wall"]),), rounds=2)

    bad, good = (outcome for (outcome,) in measure([row("bad", "1 / 0"), row("good", "")]))
    assert "ZeroDivisionError" in bad.broken[0]
    assert len(good.rounds) == 2


def test_results_are_kept_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for name, walls in (("b", (1.0, 3.0)), ("a", (1.0, 1.5))):
        row = Row(name, "work", "them", ROW.arms, ROW.bars)
        kept = record(monitor(row, [fill(given) for given in rounds(walls)]), {"processor": "one"})
        save(load(path) | {name: kept}, ["a", "b"], path)
    assert list(load(path)) == ["a", "b"]
    page = (tmp_path / "RESULTS.md").read_text()
    assert page == as_markdown(list(load(path).values()))
    assert "1.500x (1.500 to 1.500)" in page
    assert "**not reached**" in page


@pytest.mark.parametrize("ours", [1.0, 0.1])
def test_a_bar_that_is_not_reached_is_explained(ours: float) -> None:
    row = ROWS["first-update"]
    taken = {arm.name: fill({"": {"wall": 1.0, "first_update": 1.0, "updates": 1.0}})[""] for arm in row.arms}
    taken[row.arms[0].name]["first_update"] = ours
    page = as_markdown([record(monitor(row, [taken]), {"processor": "one"})])
    assert (row.tried in page) == (ours == 1.0)


def fill(given: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {arm: sample | {"cpu": 1.0, "memory": 1.0} for arm, sample in given.items()}


def test_the_time_of_an_update_is_a_median_over_whole_blocks() -> None:
    steady = [0.001 * update for update in range(400)]
    halted = [time + (1.0 if update > 230 else 0.0) for update, time in enumerate(steady)]
    assert microseconds_per_update(halted) == pytest.approx(1000)


def test_every_row_names_bars_over_its_own_arms() -> None:
    for row in ROWS.values():
        given: Round = {arm.name: defaultdict(lambda: 1.0) for arm in row.arms}  # whatever is asked of an arm
        assert row.bars
        assert all(isinstance(bar.value(given), float) for bar in row.bars)
        assert all(isinstance(gate.holds(given), bool) for gate in row.gates)


def test_arms_of_one_name_in_rows_that_share_rounds_are_one_arm() -> None:
    commands: dict[tuple[str, str], object] = {}
    for row in ROWS.values():
        for arm in row.arms:
            assert commands.setdefault((row.group or row.name, arm.name), arm.commands) == arm.commands


def test_the_readme_quotes_what_was_measured() -> None:
    page = report.README.read_text()
    assert "times faster" in page
    assert report.quote(report.load(), page) == page
