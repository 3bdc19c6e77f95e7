"""Export to ONNX, and run the file with onnxruntime to compare it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sweepboard.data.tree import leaves
from sweepboard.errors import UserError
from sweepboard.runs.export_call import dynamic_shapes
from sweepboard.training.model_call import ModelCall


class NoOnnx(UserError):
    """The packages that ONNX needs are not installed."""


def write_onnx(model: nn.Module, call: ModelCall, path: Path, metadata: Mapping[str, str]) -> None:
    """Write `model` with a dynamic number of samples.

    Raise `NoOnnx`, and any exception of torch's exporter for a model that it cannot take.
    """
    _check_installed()
    program = torch.onnx.export(
        model,
        call.args,
        kwargs=call.kwargs,
        dynamic_shapes=dynamic_shapes(model, call),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(metadata)
    program.save(path)


def outputs_of_onnx(path: Path, call: ModelCall) -> list[Tensor]:
    """Return what the file gives for the tensors of a call, in the order of the model's outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    tensors = [leaf for leaf in leaves(tuple(call)) if isinstance(leaf, Tensor)]
    named = {slot.name: tensor.numpy() for slot, tensor in zip(session.get_inputs(), tensors, strict=True)}
    results: list[Any] = session.run(None, named)
    return [torch.as_tensor(result) for result in results]


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise NoOnnx(f"--format onnx: {error.name} is missing; pip install 'sweepboard[onnx]'") from error
