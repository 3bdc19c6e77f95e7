"""A record or configuration that was edited, by hand or by a disk, is told by every verb that reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import TINY, Command, change_record, record_of, refit
from tests.conftest import WriteRun

RUN = Path("outputs/run")
ALTERED = "changed by something else than sweepboard"

RECORDS: tuple[dict[str, Any], ...] = (
    {"status": "failed"},
    {"overrides": ["optimizer.lr=7"]},
    {"seed": 3},
    {"best": {"accuracy": 0.99}},
    {"seconds": 1.5},
    {"groups": {"model": "mlp"}},
    {"altered": False, "weights_sha256": "0"},
    {"checksum": ""},
)


def _edit_record(changes: dict[str, Any]) -> None:
    (RUN / "run.json").write_text(json.dumps(record_of(RUN) | changes))


def _edit_config(old: str, new: str) -> None:
    text = (RUN / "config.yaml").read_text()
    assert old in text
    (RUN / "config.yaml").write_text(text.replace(old, new))


def _is_told(file: str, command: Command, caplog: pytest.LogCaptureFixture) -> None:
    """Each table warns, in its JSON too, and never calls the run comparable or in order."""
    for verb in ("ls", "compare"):
        caplog.clear()
        command(verb, "outputs")
        told = [record.getMessage() for record in caplog.records if ALTERED in record.getMessage()]
        assert len(told) == 1, verb
        assert f"{file} was {ALTERED}" in told[0]
    assert [each["altered"] for each in command("ls", "outputs", "--json").json] == [True]
    (row,) = command("compare", "outputs", "--json").json
    assert ALTERED in row["runs"][0]["damage"]
    assert f"damage: run: {file} was {ALTERED}" in command("check", "outputs", code=1).out
    assert f"damaged-record: run: {file} was {ALTERED}" in command("doctor", "outputs", code=1).out


@pytest.mark.parametrize("changes", RECORDS, ids=lambda changes: " ".join(changes))
def test_an_edited_record_is_told(
    changes: dict[str, Any], write_run: WriteRun, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(RUN)
    _edit_record(changes)
    _is_told("run.json", command, caplog)


@pytest.mark.parametrize(("old", "new"), [("lr: 0.001", "lr: 0.002"), ("seed: 0", "seed: 0 # why not")])
def test_an_edited_configuration_is_told(
    old: str, new: str, write_run: WriteRun, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(RUN)
    _edit_config(old, new)
    _is_told("config.yaml", command, caplog)


def test_a_run_that_nobody_edited_is_told_by_no_verb(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    command(*TINY, "dataset=fashion_mini", f"hydra.run.dir={RUN}")
    shutil.copytree(RUN, "whole")
    for words in (["resume", "trainer.epochs=3"], ["test"], ["rerun"], ["export"], ["verify"]):
        command(words[0], str(RUN), *words[1:])
        for verb in ("ls", "compare", "check", "doctor"):
            command(verb, str(RUN))
    command("diff", str(RUN), "whole")
    assert ALTERED not in caplog.text
    assert not record_of(RUN)["altered"]


def test_a_verb_that_goes_on_with_an_edited_run_says_so_and_leaves_it_told(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    """What it writes itself has a checksum that fits, and the record goes on saying that it was edited."""
    command(*TINY, "dataset=fashion_mini", f"hydra.run.dir={RUN}")
    _edit_record({"seconds": 1e6})
    verbs = {
        "diff": [str(RUN)],
        "verify": [],
        "rerun": [],
        "test": [],
        "export": [],
        "resume": ["trainer.epochs=3"],
    }
    for verb, words in verbs.items():
        caplog.clear()
        command(verb, str(RUN), *words)
        assert f"run.json was {ALTERED}" in caplog.text, verb
    assert record_of(RUN)["altered"]
    command("check", str(RUN), code=1)


@pytest.mark.parametrize("refit_", [True, False])
def test_values_that_were_signed_otherwise_are_told_with_any_checksum(
    refit_: bool, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    command(*TINY, "dataset=fashion_mini", f"hydra.run.dir={RUN}")
    _edit_config("batch_size: 64", "batch_size: 32")
    if refit_:
        refit(RUN)
    for words in (["compare", "outputs"], ["diff", str(RUN), str(RUN)], ["verify", str(RUN)]):
        caplog.clear()
        command(*words, code=1 if words[0] == "verify" else 0)
        assert f"config.yaml was {ALTERED} since you signed it" in caplog.text, words


def test_an_edited_job_of_a_sweep_is_told(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    command("-m", *TINY, "dataset=gaussian", "hydra.sweep.dir=sweep", "seed=1,2")
    job = Path("sweep/seed=1")
    (job / "run.json").write_text(json.dumps(record_of(job) | {"seconds": 7.0}))
    for words in (["plan", "sweep"], ["resume", "sweep"]):
        caplog.clear()
        command(*words)
        assert ALTERED in caplog.text, words


def _killed(write: Callable[..., Any]) -> Callable[..., Any]:
    def killed(path: Path, *words: Any) -> None:
        if path.name == "config.yaml":
            raise KeyboardInterrupt
        write(path, *words)

    return killed


def test_a_kill_before_the_new_configuration_is_written_alters_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sweepboard.files import write_atomic

    command(*TINY, "dataset=fashion_mini", f"hydra.run.dir={RUN}")
    with monkeypatch.context() as patch:
        patch.setattr("sweepboard.runs.execute.write_atomic", _killed(write_atomic))
        command("resume", str(RUN), "trainer.epochs=3", code=130)
    command("compare", "outputs")
    command("resume", str(RUN), "trainer.epochs=3")
    assert ALTERED not in caplog.text


def test_a_changed_record_whose_checksum_fits_is_believed(write_run: WriteRun, command: Command) -> None:
    write_run(RUN)
    change_record(RUN, seconds=7.0)
    assert command("check", "outputs").out == ""
