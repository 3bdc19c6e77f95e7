"""A finished job whose configuration was changed since is not counted as the planned one without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import TINY, Command

SWEPT = ["optimizer.lr=0.01,0.02"]
SEARCHED = ["hydra/sweeper=optuna", "hydra.sweeper.trials=2", "optimizer.lr=interval(0.01,0.1)"]
MORE = {"swept": "optimizer.lr=0.03", "searched": "hydra.sweeper.trials=3"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MORE)
def test_other_values_than_planned_are_warned_of(
    kind: str, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = {"swept": SWEPT, "searched": SEARCHED}[kind]
    command("-m", *TINY, "dataset=gaussian", "hydra.sweep.dir=s", *overrides)
    assert "another setting" not in caplog.text
    config = sorted(Path("s").glob("*optimizer.lr=*/config.yaml"))[0]
    before = next(line for line in config.read_text().splitlines() if line.startswith("  lr: "))
    config.write_text(config.read_text().replace(before, "  lr: 0.5"))
    command("resume", "s", MORE[kind])
    (line,) = [record.getMessage() for record in caplog.records if "another setting" in record.getMessage()]
    assert line.startswith(f"{config} is not what the plan has for {config.parent.name}")
    assert f"(optimizer.lr: {before.split()[1]} -> 0.5)" in line
