"""A sweep from someone else: whatever its plan says was typed, a point is added or refused in a line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command import TINY, Command
from tests.trust.attacks import edit_job, edit_json, edit_record

GREEDY = {"jobs": 500, "retry": 10**6, "jobs_per_gpu": 99, "on_failure": "stop"}

WORDS = (["--config-dir=/etc", "seed=2"], ["model=[", "seed=2"], ["", "="], ["a=${oc.env:HOME}}"])


@pytest.mark.parametrize("words", WORDS, ids=str)
def test_words_that_nobody_can_have_typed(words: list[str], command: Command) -> None:
    command("-m", *TINY, "dataset=gaussian", "hydra.sweep.dir=s", "seed=1,2", "sweep.jobs=1")
    shutil.rmtree("s/seed=2")
    edit_json(Path("s/sweep.json"), lambda saved: saved.update(signature=None, seal=None))
    edit_job(Path("s"), "seed=2", {"overrides": words})
    assert command("resume", "s", "seed=3", code=2).line.startswith("sweepboard: in seed=3: ")
    assert not Path("s/seed=2").exists()
    command("plan", "s", code=0)
    run = Path("s/seed=1")
    edit_record(run, overrides=words, signature=None)
    for typed in ([], ["model=mlp"], ["optimizer.lr=0.1"]):
        command("rerun", str(run), *typed)


def test_how_jobs_are_run_is_not_for_a_strangers_plan_to_say(command: Command) -> None:
    command("-m", *TINY, "dataset=gaussian", "hydra.sweep.dir=s", "seed=1,2,3", "sweep.jobs=1")
    for seed in (1, 2, 3):
        shutil.rmtree(f"s/seed={seed}")
    edit_json(Path("s/sweep.json"), lambda saved: saved.update(signature=None, seal=None))
    edit_json(Path("s/sweep.json"), lambda saved: saved["settings"].update(GREEDY))
    said = command("resume", "s", "sweep.on_failure=stop", "sweep.jobs=1")
    for name in GREEDY:
        assert f"sweep.{name}={GREEDY[name]} is left out of a sweep that is not yours" in said.out + said.err
    assert "3 finished" in said.out
