"""The graph that the board shows is the model's, box by box, and making it changes nothing."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sweepboard.board.event_writer import EventWriter
from sweepboard.board.graph import ModelGraph, graph_of
from tests.board.tiny import IMAGES, Net, tiny_run


class Shared(nn.Module):
    """A layer that is called twice, an operator with two outputs, and names made to collide."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.linear = nn.Parameter(torch.ones(8))
        self.unused = nn.Buffer(torch.ones(8))
        self.layers = nn.ModuleList([nn.Linear(8, 8)])
        self.add_module("an odd/name", nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.block(self.block(x)).chunk(2, 1)
        x = nn.functional.linear(torch.cat([right, left], 1), torch.eye(8)) * self.linear
        odd: Tensor = self.get_submodule("an odd/name")(self.layers[0](x))
        return odd


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 2, dim_feedforward=32, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


MODELS = {
    "net": (lambda: Net(IMAGES), (3, 8, 8)),
    "shared": (Shared, (8,)),
    "mlp": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 2)), (3, 4)),
    "resnet18": (torchvision.models.resnet18, (3, 64, 64)),
    "mobilenet": (torchvision.models.mobilenet_v3_small, (3, 64, 64)),
    "transformer": (transformer, (5, 16)),
}


def nodes(graph: GraphDef) -> dict[str, list[tuple[int, ...]]]:
    """Name and output shapes of each node."""
    return {
        node.name: [tuple(d.size for d in shape.dim) for shape in node.attr["_output_shapes"].list.shape]
        for node in graph.node
    }


@pytest.mark.parametrize("name", MODELS)
def test_names_are_valid_and_unique_and_edges_lead_to_them(name: str) -> None:
    make, shape = MODELS[name]
    model = make()
    graph = graph_of(model, torch.randn(1, *shape))
    shapes = nodes(graph)
    assert len(shapes) == len(graph.node)
    assert {"input", "output"} <= shapes.keys()
    seen: set[str] = set()
    for node in graph.node:
        assert re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*", node.name)
        for source in node.input:
            origin, _, index = source.partition(":")
            assert origin in seen, "edges follow the order of computation"
            assert int(index or 0) < len(shapes[origin])
        seen.add(node.name)
    parameters = [node.name for node in graph.node if node.op == "Parameter"]
    assert len(parameters) >= len(list(model.parameters()))
    read = {source for node in graph.node for source in node.input}
    assert set(parameters) <= read


def test_boxes_are_modules_and_shapes_are_those_of_the_batch() -> None:
    shapes = nodes(graph_of(torchvision.models.resnet18(num_classes=10), torch.randn(1, 3, 64, 64)))
    assert shapes["layer1.Sequential/0.BasicBlock/conv1.Conv2d/conv2d"] == [(1, 64, 16, 16)]
    assert shapes["layer1.Sequential/0.BasicBlock/conv1.Conv2d/weight"] == [(64, 64, 3, 3)]
    assert "layer4.Sequential/1.BasicBlock/relu.ReLU-2/relu_" in shapes, "a further call has its own box"
    assert shapes["fc.Linear/linear"] == [(1, 10)]


def test_several_outputs_and_further_calls() -> None:
    graph = graph_of(Shared(), torch.randn(1, 8))
    inputs = {node.name: list(node.input) for node in graph.node}
    assert inputs["cat"] == ["chunk:1", "chunk:0"]
    assert nodes(graph)["chunk"] == [(1, 4), (1, 4)]
    assert inputs["block.Sequential-2/0.Linear-2/linear"][1:] == [
        "block.Sequential/0.Linear/weight",
        "block.Sequential/0.Linear/bias",
    ]
    assert {
        "linear",
        "linear-2",
        "layers.ModuleList/0.Linear/linear",
        "an_odd_name.Tanh/tanh",
    } <= inputs.keys()


def snapshot(model: nn.Module) -> list[Any]:
    """All that an update could depend on."""
    tensors = [*model.parameters(), *model.buffers()]
    gradients = [None if tensor.grad is None else tensor.grad.clone() for tensor in tensors]
    flags = [tensor.requires_grad for tensor in tensors] + [module.training for module in model.modules()]
    return [tensor.detach().clone() for tensor in tensors] + gradients + flags + [torch.get_rng_state()]


def test_the_model_is_left_as_it_was() -> None:
    model, inputs = Net(IMAGES), torch.randn(4, 3, 8, 8)
    model.head.eval()
    model(inputs).sum().backward()
    before = snapshot(model)
    graph_of(model, inputs)
    for one, other in zip(before, snapshot(model), strict=True):
        assert torch.equal(one, other) if isinstance(one, Tensor) else one == other


class Undecided(nn.Module):
    """Control flow that depends on the data, which no export can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net(IMAGES)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.net(x) if x.sum() > 0 else self.net(-x)
        return outputs


def test_a_graph_that_cannot_be_made_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        tiny_run([ModelGraph(EventWriter(tmp_path))], model=Undecided(), epochs=1)
    (message,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert message.startswith("the run goes on without 0 ModelGraph: ")
    assert "\n" not in message
    assert capfd.readouterr().err == ""


class TwoNames(nn.Module):
    """One layer under two names, called by the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = self.first

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(x)
        return out


class TwoBlocks(nn.Module):
    """A block in a list and under a name of its own; both are called."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(2)])
        self.last = self.blocks[1]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.blocks[0](x))
        return out


def repeated() -> nn.Module:
    layer = nn.Linear(8, 8)
    return nn.Sequential(layer, nn.ReLU(), layer)


@pytest.mark.parametrize("model", [TwoNames, TwoBlocks, repeated])
def test_a_module_of_two_names_shows_its_class(model: Any) -> None:
    names = nodes(graph_of(model(), torch.zeros(1, 8)))
    assert not any("Module/" in name for name in names), names
    assert any(".Linear/" in name for name in names)


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), ["1.Linear/"]),
        (lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d()), ["0.Conv2d/", "1.BatchNorm2d/"]),
        (lambda: nn.Sequential(nn.Sequential(nn.LazyConv2d(4, 3)), nn.ReLU()), ["0.Sequential/0.Conv2d/"]),
    ],
)
def test_models_with_lazy_layers_have_a_graph(model: Any, layers: list[str]) -> None:
    built = model()
    state = torch.get_rng_state()
    names = nodes(graph_of(built, torch.zeros(1, 3, 8, 8)))
    assert all(any(name.startswith(layer) for name in names) for layer in layers), names
    assert torch.equal(torch.get_rng_state(), state)
    assert any(map(is_lazy, built.parameters()))  # the model itself is left alone
