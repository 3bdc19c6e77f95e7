"""A model of Keras 3 on its torch backend trains like one of torch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.command import Command, record_of

os.environ.setdefault("KERAS_BACKEND", "torch")

NET = """
import keras


def build(input_shape, outputs, dropout):
    layers = keras.layers
    return keras.Sequential([
        layers.Input(tuple(input_shape)), layers.Flatten(), layers.Dense(16, activation="relu"),
        layers.Dropout(dropout), layers.Dense(outputs),
    ])
"""
WORDS = (
    *("trainer=debug", "threads=1", "dataset=gaussian", "model._target_=knet.build"),
    *("model.input_shape=${facts.input_shape}", "model.outputs=${facts.outputs}", "optimizer.fused=false"),
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_its_dropout_trains(command: Command) -> None:
    pytest.importorskip("keras")
    Path("knet.py").write_text(NET)
    for dropout in ("0.0", "0.5"):
        command(*WORDS, f"model.dropout={dropout}", f"hydra.run.dir={dropout}")
    assert record_of(Path("0.0"))["weights_sha256"] != record_of(Path("0.5"))["weights_sha256"]
