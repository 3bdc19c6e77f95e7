"""Models of Keras 3: they train where `train()` says so, and keep the names of their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sweepboard import load_model
from sweepboard.compat.keras import begin_names, follow_training_mode
from tests.command import Command, record_of


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


def dropping(keras: Any) -> Any:
    layers = [keras.Input((8,)), keras.layers.Dense(8, kernel_initializer="ones"), keras.layers.Dropout(0.5)]
    return keras.Sequential(layers)


def varies(model: nn.Module) -> bool:
    return not torch.equal(*(model(torch.ones(4, 8)) for _ in range(2)))


@pytest.mark.parametrize("inside", [False, True])
def test_dropout_follows_train_and_eval(keras: Any, inside: bool) -> None:
    model = nn.Sequential(dropping(keras)) if inside else dropping(keras)
    assert not varies(model.train())  # Keras alone: nothing is dropped
    follow_training_mode(model)
    assert varies(model.train())
    assert not varies(model.eval())
    if not inside:
        assert not torch.equal(*(model(torch.ones(4, 8), training=True) for _ in range(2)))


def test_a_context_reaches_layers_of_a_model_without_the_argument(keras: Any) -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.drop = keras.layers.Dropout(0.5)

        def call(self, inputs: Any) -> Any:
            return self.drop(inputs)

    model = Own()
    follow_training_mode(model)
    assert varies(model.train())


def test_a_model_built_again_has_the_same_names(keras: Any) -> None:
    names = []
    for _ in range(2):
        begin_names()
        names.append(list(dropping(keras).state_dict()))
    assert names[0] == names[1]


MODEL = """
import keras

def small(inputs, outputs):
    layers = [keras.layers.Dense(16, activation="relu"), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.5), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input((inputs,)), *layers])
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with NumPy 2
def test_a_run_is_verified_and_exported(keras: Any, command: Command) -> None:
    Path("small_keras.py").write_text(MODEL)
    model = ["model._target_=small_keras.small", "model.inputs=32", "model.outputs=10"]
    command("dataset=gaussian", *model, "trainer=debug", "threads=1", "hydra.run.dir=run")
    assert "identical: " in command("verify", "run").out
    assert "found the same" in command("export", "run", "--output", "run.safetensors").out
    assert load_file("run.safetensors").keys() <= load_model("run").state_dict().keys()


@pytest.mark.slow
def test_dropout_changes_a_run(keras: Any, command: Command) -> None:
    Path("small_keras.py").write_text(
        MODEL.replace("inputs, outputs", "inputs, outputs, rate").replace("0.5", "rate")
    )
    model = ["model._target_=small_keras.small", "model.inputs=32", "model.outputs=10"]
    for rate in ("0.0", "0.5"):
        command("dataset=gaussian", *model, f"model.rate={rate}", "trainer=debug", f"hydra.run.dir={rate}")
    assert record_of(Path("0.0"))["weights_sha256"] != record_of(Path("0.5"))["weights_sha256"]


UNBUILT = """
import keras

def net(outputs):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(outputs)])
"""


def test_a_model_without_its_input_shape_is_told_before_a_folder_is_made(
    keras: Any, command: Command
) -> None:
    del keras
    Path("unbuilt.py").write_text(UNBUILT)
    for words in ([], ["-m", "optimizer.lr=0.1,0.2"]):
        said = command("model._target_=unbuilt.net", "trainer=debug", "dataset=gaussian", *words, code=2).line
        assert "model: unbuilt.net makes its weights at its first call" in said
    assert not Path("outputs").exists()


def test_keras_without_its_backend_is_told(command: Command) -> None:
    Path("vendored/keras").mkdir(parents=True)
    Path("vendored/keras/backend.py").write_text("raise ModuleNotFoundError(name='tensorflow')\n")
    Path("no_backend.py").write_text("import vendored.keras.backend\n")
    said = command("model._target_=no_backend.net", "trainer=debug", code=2).line
    assert said.endswith("Keras is to run on torch: type KERAS_BACKEND=torch before the command")
