"""`lr=0.1` is taken where exactly one key ends so, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.cli import command_line
from sweepboard.cli.short_keys import whole
from tests.command import TINY, Command, only_run, record_of

KEYS = {
    "optimizer.lr",
    "model.hidden",
    "scheduler.metric",
    "trainer.checkpoint.metric",
    "facts.steps",
    "recipe",
}


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("lr=0.1", "optimizer.lr=0.1"),
        ("lr=0.1,0.2", "optimizer.lr=0.1,0.2"),
        ("hidden=[8,4]", "model.hidden=[8,4]"),
        ("metric=loss", "metric=loss"),  # two keys end so
        ("steps=5", "steps=5"),  # a fact cannot be set
        ("+lr=0.1", "+lr=0.1"),
        ("~lr", "~lr"),
        ("recipe=big", "recipe=big"),
        ("seed=1", "seed=1"),
        ("model=lr", "model=lr"),
        ("r=1", "r=1"),
    ],
)
def test_what_is_taken(typed: str, taken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert whole([typed], KEYS) == [taken]
    assert capsys.readouterr().err == ("" if typed == taken else f"{typed}: taken as {taken}\n")


def test_a_run_and_a_sweep_take_short_keys(command: Command) -> None:
    words = [word.replace("trainer.epochs=", "epochs=") for word in TINY]
    said = command(*words, "lr=0.1")
    assert said.err.splitlines() == [
        "epochs=2: taken as trainer.epochs=2",
        "lr=0.1: taken as optimizer.lr=0.1",
    ]
    run = only_run(Path("outputs"))
    assert {"trainer.epochs=2", "optimizer.lr=0.1"} <= set(record_of(run)["overrides"])
    said = command("rerun", "last", "epochs=1", "lr=0.2")
    assert "lr=0.2: taken as optimizer.lr=0.2" in said.err
    assert "differs: optimizer.lr: 0.1 -> 0.2" in said.out
    plan = command("plan", "hidden=[8],[4]", "model=mlp", "--json").json
    assert [job["job"] for job in plan] == ["model.hidden=8+", "model.hidden=4+"]
    assert [job["overrides"][0] for job in plan] == ["model.hidden=[8]", "model.hidden=[4]"]


def test_the_key_may_be_of_any_swept_option(command: Command) -> None:
    assert "dropout" in command("plan", "model=linear,mlp", "dropout=0.1", code=2).err


def test_without_a_short_key_nothing_is_composed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepboard.cli.short_keys.compose", None)
    command_line.parse(["model=mlp", "optimizer.lr=0.1", "+own=1", "seed=3"])


@pytest.mark.slow
def test_a_sweep_that_is_gone_on_with_takes_short_keys(command: Command) -> None:
    command("-m", *TINY, "optimizer.lr=0.1", "hydra.sweep.dir=sweep")
    said = command("resume", "sweep", "lr=0.2")
    assert "lr=0.2: taken as optimizer.lr=0.2" in said.err
    assert {path.parent.name for path in Path("sweep").glob("*/run.json")} >= {"optimizer.lr=0.2"}
    assert "epochs=3: taken as trainer.epochs=3" in command("resume", "sweep", "epochs=3").err
