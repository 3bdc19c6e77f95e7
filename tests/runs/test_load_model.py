"""The model of a run comes back as it was trained, by load_model and in both exported formats."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

import sweepboard
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.models.cnn import CNN
from sweepboard.runs.export import ExportFailed, export
from sweepboard.runs.saved_run import read_run
from sweepboard.training.checkpoint import weights_sha256
from tests.command import TINY, Command, record_of

RUN = Path("run")
IN = [*TINY[1:], f"hydra.run.dir={RUN}"]
MADE: list[CNN] = []


class Remembered(CNN):
    """A model that the test can still ask after its training."""

    def __init__(self, input_shape: list[int], outputs: int, channels: list[int], dense: int) -> None:
        super().__init__(input_shape, outputs, channels, dense)
        MADE.append(self)


def images(batch: int = 5) -> Tensor:
    return torch.rand(batch, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_load_model_gives_the_trained_model(command: Command) -> None:
    MADE.clear()
    command("model._target_=tests.runs.test_load_model.Remembered", *IN)
    trained = MADE[-1].eval()
    state = torch.get_rng_state()
    loaded = sweepboard.load_model("run", "last")
    assert not loaded.training
    assert torch.equal(torch.get_rng_state(), state)
    assert weights_sha256(loaded) == weights_sha256(trained) == record_of(RUN)["weights_sha256"]
    assert not any(parameter.grad is not None for parameter in loaded.parameters())
    with torch.no_grad():
        assert torch.equal(loaded(images()), trained(images()))


def test_the_best_model_is_that_of_the_best_validation(command: Command) -> None:
    """At a learning rate so high that the last is not the best."""
    command("model=mlp", *IN, "optimizer.lr=0.3", "trainer.epochs=6", "trainer.limit_val_batches=null")
    record = record_of(RUN)
    assert record["metrics"]["val/accuracy"] < record["best"]["accuracy"]
    saved = torch.load(RUN / "checkpoints" / "best.pt", weights_only=True)
    assert saved["metrics"]["accuracy"] == record["best"]["accuracy"]
    assert weights_sha256(sweepboard.load_model("run")) != record["weights_sha256"]


@pytest.mark.parametrize("model", ["linear", "mlp", "cnn", pytest.param("resnet18", marks=pytest.mark.slow)])
def test_exported_models_give_the_same_outputs(model: str, command: Command) -> None:
    command(f"model={model}", *IN, "trainer.limit_train_batches=1", "trainer.epochs=1")
    ours = sweepboard.load_model("run")
    said = command("export", "run", "--output", "model.safetensors").out
    assert said == "model.safetensors: the best weights (step 1), read back and found the same\n"
    found = load_file("model.safetensors")
    assert found.keys() == ours.state_dict().keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in ours.state_dict().items())
    command("export", "run", "--format", "torch_export", "--output", "model.pt2")
    program = torch.export.load("model.pt2").module()
    with torch.no_grad():
        for batch in (1, 2, 7):
            assert torch.allclose(program(images(batch)), ours(images(batch)), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_an_onnx_file_gives_the_same_outputs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command("model=mlp", *IN, "trainer.limit_train_batches=1", "trainer.epochs=1")
    ours = sweepboard.load_model("run")
    said = command("export", "run", "--format", "onnx", "--output", "model.onnx").out
    assert said == "model.onnx: the best weights (step 1), read back and found the same\n"
    session = onnxruntime.InferenceSession("model.onnx")
    (slot,) = session.get_inputs()
    for batch in (1, 2, 7):
        (found,) = session.run(None, {slot.name: images(batch).numpy()})
        torch.testing.assert_close(torch.as_tensor(found), ours(images(batch)).detach(), rtol=1e-3, atol=1e-4)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    refused = command("export", "run", "--format", "onnx", code=2).line
    assert refused == "sweepboard: --format onnx: onnxscript is missing; pip install 'sweepboard[onnx]'"


LEARNING = """
from torch import nn
class Net(nn.Linear):
    def __init__(self, features, outputs, matters):
        super().__init__(features, outputs)
        self.scale, self.seen, self.matters = 1.0, 0, matters
    def forward(self, x):
        if self.training:
            self.scale, self.seen = self.scale + 0.5, self.seen + len(x)
        return super().forward(x.flatten(1)) * (self.scale if self.matters else 1.0)
"""


@pytest.mark.parametrize("matters", [True, False])
def test_what_a_file_of_tensors_would_lose_is_told_where_it_matters(matters: bool, command: Command) -> None:
    Path("learning.py").write_text(LEARNING)
    node = f"{{_target_: learning.Net, features: 784, outputs: 10, matters: {str(matters).lower()}}}"
    command(*IN, f"model={node}")
    said = command("export", "run")
    lost = "beside its tensors: scale, seen; without it a model made anew gives other outputs"
    assert (lost in said.err) == matters
    assert "register_buffer" in said.err or not said.err
    assert not command("export", "run", "--format", "torch_export").err


class TwoFaced(nn.Linear):
    """Says one thing to torch.export and another to everyone else."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1)) + float(torch.compiler.is_exporting())


def test_a_model_that_does_not_come_back_the_same_is_not_exported(command: Command) -> None:
    command("model=linear", *IN)
    with pytest.raises(ExportFailed, match="gives other outputs"):
        export(read_run("run"), TwoFaced(784, 10).eval(), "torch_export", Path("model.pt2"))
    assert not Path("model.pt2").exists()


def test_a_model_that_cannot_be_exported_is_one_line(command: Command) -> None:
    Path("stubborn.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x.flatten(1)) * (2.0 if x.sum().item() > 0 else 1.0)\n"
    )
    net = "model={_target_: stubborn.Net, in_features: 784, out_features: 10}"
    command(net, *IN)
    said = command("export", "run", "--format", "torch_export", code=1)
    assert said.err.splitlines()[-1].startswith("sweepboard: torch.export cannot take this model: ")
    command("export", "run", "--output", "model.safetensors")


def photos(folder: Path, colour: int) -> None:
    """Two classes of pictures with a little of `colour`."""
    for number in range(12):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (colour, 20 * number, 0)).save(path)


def test_a_model_is_tested_on_other_data(command: Command) -> None:
    for name, colour in (("first", 0), ("second", 255)):
        photos(Path(name), colour)
    data = ["dataset=image_folder", "dataset.image_size=8", "dataset.workers=0", "dataset.test_fraction=0.5"]
    command("model=linear", *data, "dataset.batch_size=4", "dataset.root=first", *IN)
    own = record_of(RUN)["metrics"]
    Path("first").rename("moved")
    again = command("test", "run", "dataset.root=moved", "--checkpoint", "last", "--json").json
    assert again["test/loss"] == own["test/loss"]  # the same data elsewhere
    other = command("test", "run", "dataset.root=second", "--json").json
    assert other.keys() == {"step", "test_image_folder_best/loss", "test_image_folder_best/accuracy"}
    record = record_of(RUN)
    assert record["metrics"] == own | {tag: value for tag, value in other.items() if tag != "step"}
    assert len(record["tests"]) == 2
    for tag in other.keys() - {"step"}:
        assert read_scalars(RUN)[tag].steps.tolist() == [other["step"]]
    said = command("test", "run", "dataset=fashion_mini", code=2).line
    assert said == (
        "sweepboard: dataset=fashion_mini has input_shape=[1, 28, 28], and the model was trained on "
        "input_shape=[3, 8, 8]"
    )
    Path("second/a").rename("second/c")  # now `b` is class 0
    said = command("test", "run", "dataset.root=second", code=2).line
    assert said == (
        "sweepboard: dataset=image_folder has b as class 0, and the run was trained with it as class 1: "
        "the classes are a, b"
    )


def test_a_run_knows_which_output_is_which_class(command: Command) -> None:
    """Folders called 0 1 2 10 11 are not the outputs of these numbers."""
    names = ["0", "1", "10", "11", "2", 'Ä, "猫"']
    for name in names:
        for number in range(4):
            path = Path("photos", name, f"{number}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(path)
    data = ["dataset=image_folder", "dataset.root=photos", "dataset.image_size=8", "dataset.workers=0"]
    command("model=linear", *data, *IN)
    assert record_of(RUN)["classes"] == names
    assert sweepboard.load_model("run").class_names == names
    assert sweepboard.load_runs("run")[0].classes == names
    command("export", "run", "--output", "model.safetensors")
    with safe_open("model.safetensors", "pt") as file:
        assert json.loads(file.metadata()["classes"]) == names
    command("export", "run", "--format", "torch_export", "--output", "model.pt2")
    extra = {"classes.json": ""}
    torch.export.load("model.pt2", extra_files=extra)
    assert json.loads(extra["classes.json"]) == names


class Labelled(nn.Linear):
    """A model with class names of its own."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.class_names = "my own"


def test_runs_without_class_names_and_models_with_their_own(command: Command) -> None:
    command("dataset=gaussian", "model=mlp", *IN)
    assert record_of(RUN)["classes"] == sweepboard.load_model("run").class_names == []
    own = f"model={{_target_: {__name__}.Labelled, in_features: 32, out_features: 10}}"
    command("dataset=gaussian", own, *IN[:-1], "hydra.run.dir=own")
    assert sweepboard.load_model("own").class_names == "my own"


def test_what_is_not_there_is_one_line(command: Command) -> None:
    command("model=linear", *IN, "dataset.val_fraction=0")
    said = command("export", "run", code=2).line
    assert said == "sweepboard: run has no best checkpoint; it has a last one: add --checkpoint last"
    command("export", "run", "--checkpoint", "last", "--output", "model.safetensors")
    said = command(
        "export", "run", "--checkpoint", "last", "--output", "nowhere/model.safetensors", code=2
    ).line
    assert said == "sweepboard: nowhere/model.safetensors cannot be written: No such file or directory"
