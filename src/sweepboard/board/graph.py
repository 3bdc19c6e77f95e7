"""The model's graph for TensorBoard's Graphs panel, taken from `torch.export`.

Every operator carries the stack of modules that called it, which gives nested boxes. Unlike
`SummaryWriter.add_graph` this does not use `torch.jit.trace`, which torch 2.15 deprecates.
"""

from __future__ import annotations

import io
import logging
import operator
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

import torch
from tensorboard.compat.proto.attr_value_pb2 import AttrValue
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.node_def_pb2 import NodeDef
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.versions_pb2 import VersionDef
from torch import Tensor, fx, nn
from torch.export import ExportedProgram
from torch.nn.parameter import is_lazy

from sweepboard.data.tree import to_device
from sweepboard.training.callback import Callback
from sweepboard.training.model_call import model_call
from sweepboard.training.model_copy import copied
from sweepboard.training.seeding import random_states_kept

if TYPE_CHECKING:
    from sweepboard.board.event_writer import EventWriter
    from sweepboard.training.progress import Progress


class ModelGraph(Callback):
    """Writes the graph of the model once, at the start of a run."""

    may_fail = True

    def __init__(self, writer: EventWriter) -> None:
        self.writer = writer

    def on_start(self, progress: Progress) -> None:
        if progress.step > 0:  # a resumed run has it already
            return
        learner = progress.learner
        batch = learner.laid_out(progress.data.train.first(1))
        call = model_call(learner.task, learner.model, batch)
        if call is not None:
            graph = graph_of(learner.model, *call.args, **call.kwargs)
            self.writer.add_event(Event(wall_time=time.time(), graph_def=graph.SerializeToString()))


def graph_of(model: nn.Module, *args: Any, **kwargs: Any) -> GraphDef:
    """Return the graph of `model` in evaluation mode, called so, without changing `model`.

    Raise any exception of torch.export for a model that it cannot trace.
    """
    args, kwargs = to_device((args, kwargs), torch.device("cpu"))
    model = copied(model).cpu().eval()
    with _without_explanations():
        _give_lazy_layers_their_shapes(model, args, kwargs)
        exported = torch.export.export(model, args, kwargs)
    return _GraphBuilder(exported, model).graph


def _give_lazy_layers_their_shapes(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Initialise lazy layers as the first batch would: torch.export needs weights."""
    if any(map(is_lazy, (*model.parameters(), *model.buffers()))):
        with random_states_kept(), torch.no_grad():
            model(*args, **kwargs)


@contextmanager
def _without_explanations() -> Iterator[None]:
    """Silence torch.export, which explains failures at length on three channels; the exception is enough."""
    log = logging.getLogger("torch")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


class _GraphBuilder:
    """Converts the nodes of an exported program, in order, to nodes of a GraphDef."""

    def __init__(self, exported: ExportedProgram, model: nn.Module) -> None:
        signature = exported.graph_signature
        self.stored: Mapping[str, str] = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        every_name = model.named_modules(remove_duplicate=False)
        self.classes = {path: type(module).__name__ for path, module in every_name}
        self.names: dict[fx.Node, str] = {}
        self.graph = GraphDef(versions=VersionDef(producer=22))
        self.taken: set[str] = set()
        for node in exported.graph.nodes:
            self._add(node)

    def _add(self, node: fx.Node) -> None:
        if node.target is operator.getitem:  # TensorBoard's notation for one of several outputs
            source, index = node.args
            self.names[node] = f"{self.names[source]}:{index}"  # type: ignore[index]
        elif node.op == "placeholder" and node.name in self.stored:
            if node.users:
                path, _, name = self.stored[node.name].rpartition(".")
                self._append(node, self._boxes(path, {}), name, "Parameter")
        elif node.op in ("placeholder", "output"):
            role = "input" if node.op == "placeholder" else "output"
            self._append(node, "", role, role)
        else:
            name = re.sub(r"_\d+$", "", node.name)
            self._append(node, self._boxes_around(node), name, str(node.target))

    def _append(self, node: fx.Node, boxes: str, name: str, op: str) -> None:
        self.names[node] = self._unique(boxes + _valid(name))
        inputs = [self.names[source] for source in node.all_input_nodes]
        shapes = AttrValue(list=AttrValue.ListValue(shape=_shapes(node)))
        attributes = {"_output_shapes": shapes}
        self.graph.node.append(NodeDef(name=self.names[node], op=op, input=inputs, attr=attributes))

    def _boxes_around(self, node: fx.Node) -> str:
        """Return the boxes of the modules that were running when `node` was recorded."""
        stack: Mapping[str, tuple[str, type]] = node.meta.get("nn_module_stack") or {}
        paths = [path.partition("@")[0] for path, _ in stack.values()]
        calls = [key.partition("@")[2] for key in stack]  # "1" in the second call of a module
        return self._boxes(paths[-1] if paths else "", dict(zip(paths, calls, strict=True)))

    def _boxes(self, path: str, calls: Mapping[str, str]) -> str:
        """Return "layer1.0" as "layer1.Sequential/0.BasicBlock/"; each further call gets a box of its own."""
        boxes, parts = "", path.split(".") if path else []
        for depth, part in enumerate(parts, 1):
            prefix = ".".join(parts[:depth])
            again = f"-{int(calls[prefix]) + 1}" if calls.get(prefix) else ""
            boxes += _valid(f"{part}.{self.classes.get(prefix, 'Module')}{again}") + "/"
        return boxes

    def _unique(self, name: str) -> str:
        """Return `name`, or `name-2` and so on: TensorBoard would stack `name_1`, `name_2` as one series."""
        candidate, count = name, 1
        while candidate in self.taken:
            count += 1
            candidate = f"{name}-{count}"
        self.taken.add(candidate)
        return candidate


def _valid(part: str) -> str:
    """Return `part` without the characters that are not allowed between two slashes."""
    return re.sub(r"[^A-Za-z0-9_.>-]", "_", part)


def _shapes(node: fx.Node) -> list[TensorShapeProto]:
    """Return the shapes of a node's outputs; -1, shown as `?`, for a size that depends on the data."""
    value = node.meta.get("val")
    outputs = value if isinstance(value, (tuple, list)) else [value]
    return [_shape(output.shape) for output in outputs if isinstance(output, Tensor)]


def _shape(sizes: torch.Size) -> TensorShapeProto:
    known = [size if isinstance(size, int) else -1 for size in sizes]
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in known])
