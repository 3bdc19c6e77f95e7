"""Where a value came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.compose.value_origins import DEFAULT, origins
from sweepboard.errors import ConfigError
from sweepboard.names import flatten
from tests.preparing import Prepare


def test_the_last_one_to_say_it_is_the_origin(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("defaults: [mlp]\nhidden: [3]\n")
    words = [
        "experiment=line",
        "trainer=debug",
        "model=mine",
        "optimizer.lr=3",
        "~optimizer.momentum",
        "hydra.job.name=x",
    ]
    found = origins(words, [tmp_path])
    assert found["seed"] == "config.yaml"
    assert found["facts.steps"] == DEFAULT
    assert found["optimizer.fused"] == "optimizer/sgd.yaml"
    assert found["trainer.epochs"] == "experiment/line.yaml"
    assert found["trainer.grad_clip"] == "trainer/default.yaml"
    assert found["trainer.steps"] == "trainer/debug.yaml"
    assert found["model.hidden"] == str(tmp_path / "model" / "mine.yaml")
    assert found["model.dropout"] == "model/mlp.yaml"
    assert found["optimizer.lr"] == "optimizer.lr=3"
    assert "optimizer.momentum" not in found
    assert not any(key.startswith("hydra") for key in found)


def test_every_value_has_an_origin(prepare: Prepare) -> None:
    words = ["scheduler=onecycle", "+model={dropout: 0.1}", "logging=full"]
    keys = {key for key, _ in flatten(prepare(*words[:1], "model.dropout=0.1", "logging=full").config.values)}
    assert keys <= origins(words).keys()


def test_a_mistake_is_told_as_ever() -> None:
    with pytest.raises(ConfigError, match="model=cn: there is no such option"):
        origins(["model=cn"])
