"""A study that is cut off anywhere goes on as if it had not been."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweepboard.compose.read_settings import read_settings
from sweepboard.search.journal import DamagedStudy, Journal
from sweepboard.search.objective import Objective
from sweepboard.search.plan import parsed
from sweepboard.search.search_file import Search
from sweepboard.search.study import Study, reason_of
from sweepboard.settings import SEARCH, SearchSettings

WORDS = ("lr=tag(log, interval(1e-4, 1e-1))", "n=range(1,9)", "m=a,b")
LOSS = Objective("val/loss", "min")
VALIDATIONS = 4


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def search(*words: str, objectives: tuple[Objective, ...] = (LOSS,), **settings: Any) -> Search:
    return Search(
        read_settings(SearchSettings, settings, SEARCH),
        parsed(words or WORDS)[1],
        (),
        {},
        objectives,
        validations=VALIDATIONS,
    )


def go_on(study: Study, lose: Callable[[int], float] | None = None) -> None:
    """Run all that is left of a search for the lowest loss, at lr=0.01 and n=1."""
    for trial in study.running():
        run(study, trial.number, trial.values)
    while len(study.trials) < study.size:
        trial = study.ask()
        run(study, trial.number, trial.values)


def run(study: Study, number: int, values: dict[str, Any]) -> None:
    for validation in range(1, VALIDATIONS + 1):
        loss = abs(math.log10(values["lr"]) + 2) + 0.1 * values["n"] + 1 / validation
        if study.report(number, 10 * validation, loss):
            study.prune(number)
            return
    study.tell(number, [loss])


def history(study: Study) -> list[Any]:
    return [(each.params, each.state, each.values, each.intermediate_values) for each in study.trials]


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes"])
def test_a_search_cut_off_at_any_operation_ends_as_one_that_was_not(tmp_path: Path, sampler: str) -> None:
    settings = search(sampler=sampler, pruner="median", trials=12, startup=3)
    whole = Study(tmp_path / "whole", settings)
    go_on(whole)
    states = [trial.state.name for trial in whole.trials]
    assert len(states) == 12
    assert {"COMPLETE", "PRUNED"} == set(states)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    for cut in range(0, len(lines), 9):
        path = tmp_path / f"cut-{cut}"
        path.write_bytes(b"".join(lines[:cut]) + lines[cut][: len(lines[cut]) // 2])
        study = Study(path, settings)
        go_on(study)
        assert all(trial.state.is_finished() for trial in study.trials)
        assert history(Study(path, settings)) == history(study)
        assert [set(trial.params) for trial in study.trials] == [{"lr", "n", "m"}] * 12
        if not _is_asking(lines[:cut]):
            assert history(study) == history(whole)


def _is_asking(lines: list[bytes]) -> bool:
    """Whether the last operation was in the middle of choosing a point."""
    operations = [json.loads(line) for line in lines]
    asked = [each for each in operations if each["op_code"] == 4]
    parameters = [each for each in operations if each["op_code"] == 5]
    return len(parameters) < 3 * len(asked)


def test_a_search_can_become_longer(tmp_path: Path) -> None:
    go_on(Study(tmp_path / "study", search(trials=3)))
    study = Study(tmp_path / "study", search(trials=5))
    go_on(study)
    whole = Study(tmp_path / "whole", search(trials=5))
    go_on(whole)
    assert history(study) == history(whole)


def test_a_grid_has_each_point_once(tmp_path: Path) -> None:
    words = ("lr=0.1,0.01", "n=range(1,4)", "m=a,b")
    study = Study(tmp_path / "study", search(*words, sampler="grid", trials=50))
    points = [tuple(study.ask().values.values()) for _ in range(study.size)]
    assert study.size == len(set(points)) == 12


@pytest.mark.parametrize(("pruner", "reason"), [
    ("median", "val/loss 9 after 2 validations: worse than the median of the trials before"),
    ("halving", "val/loss 9 after 2 validations: not the best of 3"),
    ("hyperband", "val/loss 9 after 2 validations: not the best of 3"),
])  # fmt: skip
def test_a_bad_trial_is_pruned_and_told_why(tmp_path: Path, pruner: str, reason: str) -> None:
    study = Study(tmp_path / "study", search(pruner=pruner, warmup=2, startup=1, trials=9))
    pruned = 0
    for loss in (1.0, 2.0, 9.0, 9.0, 9.0):
        number = study.ask().number
        assert not study.report(number, 10, loss), "too early"
        if study.report(number, 20, loss):
            pruned += 1
            assert study.why_pruned(number) == reason.replace("9", f"{loss:g}")
            study.prune(number)
        else:
            study.tell(number, [loss])
    assert pruned >= 1
    assert study.best()[0].number == 0


def test_a_repeated_point_comes_to_the_same_end(tmp_path: Path) -> None:
    study = Study(tmp_path / "study", search("m=a,b", pruner="median", startup=1, trials=4))
    for _ in range(4):
        study.ask()
    study.tell(0, [1.0])
    study.report(1, 10, 5.0)
    study.prune(1)
    study.fail(2, "boom")
    for number in (0, 1, 2):
        study.ask()
        study.repeat(4 + number, number)
        first, again = study.trials[number], study.trials[4 + number]
        assert (first.state, first.values, first.intermediate_values) == (
            again.state, again.values, again.intermediate_values,
        )  # fmt: skip
    assert reason_of(study.trials[6]) == "boom"


def test_the_pareto_front_of_several_objectives(tmp_path: Path) -> None:
    objectives = (Objective("val/accuracy", "max"), Objective("train/samples_per_second", "max"))
    study = Study(tmp_path / "study", search(objectives=objectives, trials=4))
    for values in ((0.5, 10.0), (0.9, 5.0), (0.4, 9.0), (0.7, 7.0)):
        study.tell(study.ask().number, values)
    assert [trial.number for trial in study.best()] == [1, 3, 0]


def test_the_log_is_one_that_optuna_reads(tmp_path: Path) -> None:
    from optuna import load_study
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    study = Study(tmp_path / "study", search(sampler="cmaes", trials=8))
    go_on(study)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study")))
    assert len(load_study(study_name=None, storage=storage).trials) == 8


def test_a_state_of_cmaes_that_is_not_ones_own_is_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "study"
    go_on(Study(path, search(sampler="cmaes", trials=12)))
    lines = path.read_text().splitlines()
    for name, value in (("cma:optimizer:0", "00"), ("cma:optimizer:99", "00")):
        log = {"op_code": 9, "worker_id": "x", "trial_id": 11, "system_attr": {name: value}}
        path.write_text("\n".join([*lines, json.dumps(log)]) + "\n")
        with pytest.raises(DamagedStudy, match=f"line {len(lines) + 1} holds a state of CMA-ES that is not"):
            Study(path, search(sampler="cmaes", trials=12))
    planted = {"op_code": 4, "worker_id": "x", "study_id": 0, "system_attrs": {"cma:optimizer:0": "00"}}
    path.write_text("\n".join([*lines, json.dumps(planted)]) + "\n")
    with pytest.raises(DamagedStudy):
        Study(path, search(sampler="cmaes", trials=12))


DAMAGE: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a digit is another": lambda lines: [lines[0].replace(b"1", b"2"), *lines[1:]],
    "a value is another": lambda lines: [*lines[:2], lines[2].replace(b"0.5", b"0.1"), *lines[3:]],
    "no text": lambda lines: [lines[0], lines[1].replace(b"op", b"o\xff"), *lines[2:]],
    "a line is gone": lambda lines: [lines[0], *lines[2:]],
    "a line stands twice": lambda lines: [*lines[:2], lines[1], *lines[2:]],
    "two lines are one": lambda lines: [lines[0].rstrip(b"\n"), *lines[1:]],
    "the last lines changed places": lambda lines: [lines[0], lines[2], lines[1]],
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_flipped_byte_or_a_lost_line_is_named(
    change: Callable[[list[bytes]], list[bytes]], tmp_path: Path
) -> None:
    path = tmp_path / "study"
    Journal(path).append_logs(
        [{"op_code": 1, "n": 1}, {"op_code": 5, "value": 0.5}, {"op_code": 5, "value": 0.5}]
    )
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(
        DamagedStudy, match=r"study(, line \d)? (cannot be read|is not what was written there)"
    ):
        list(Journal(path).read_logs(0))


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "study"
    Journal(path).append_logs([{"op_code": 0}])
    path.write_text("{\n" + path.read_text())
    with pytest.raises(DamagedStudy, match=r"study, line 1 cannot be read"):
        list(Journal(path).read_logs(0))
