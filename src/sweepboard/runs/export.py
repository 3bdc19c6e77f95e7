"""Export the model of a run, and check that the file gives the same model when read back."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweepboard.building.assemble import build_model
from sweepboard.data.tree import leaves
from sweepboard.errors import RunFailed, UserError
from sweepboard.files import write_atomic, writing
from sweepboard.runs.export_call import (
    NoExample,
    close,
    dynamic_shapes,
    example_call,
    resized,
    samples_of,
)
from sweepboard.runs.export_formats import FORMATS
from sweepboard.runs.export_onnx import outputs_of_onnx, write_onnx
from sweepboard.runs.reload import placed_config
from sweepboard.runs.saved_run import SavedRun
from sweepboard.secrets import masked
from sweepboard.training.model_call import ModelCall
from sweepboard.version import __version__


class ExportFailed(RunFailed):
    """A model that cannot be exported, or that differs when read back."""


def export(saved: SavedRun, model: nn.Module, format_: str, path: Path, allowed: Sequence[str] = ()) -> None:
    """Write `model` (eval mode) to `path`, and read it back into `model`.

    A program needs real samples: `allowed` are the names that the user trusts in a run of someone else.
    Raise `ExportFailed` if the two differ, `NotWritable` if the file cannot be written.
    """
    model.to(memory_format=torch.contiguous_format)  # the one layout that files know
    writers = {"safetensors": _safetensors, "torch_export": _torch_export, "onnx": _onnx}
    with tempfile.TemporaryDirectory() as scratch:  # torch.export insists on its own ending
        written = Path(scratch) / f"model{FORMATS[format_]}"
        writers[format_](saved, model, written, allowed)
        with writing(path):
            write_atomic(path, written.read_bytes())


def lost(saved: SavedRun, model: nn.Module, changed: Sequence[str]) -> str | None:
    """Return a warning if the `changed` attributes, which no file of tensors holds, change the outputs."""
    if not changed or _same_without(saved, model):
        return None
    names = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
    return (
        f"the file has not what training changed of the model beside its tensors: {names}; without it a "
        "model made anew gives other outputs: keep it in a buffer (register_buffer), or use "
        "--format torch_export"
    )


def _same_without(saved: SavedRun, model: nn.Module) -> bool:
    """Return whether a new model with only the tensors of `model` gives the same outputs."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        twin = build_model(placed_config(saved))
        twin.load_state_dict(model.state_dict())
        try:
            call = example_call(saved, model)
            return close(*(_outputs(each.eval(), call) for each in (twin, deepcopy(model))))
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NoExample):  # no sample
            return False


def _safetensors(saved: SavedRun, model: nn.Module, path: Path, _: Sequence[str]) -> None:
    from safetensors.torch import load_model, save_model

    save_model(model, str(path), metadata={"format": "pt", **_metadata(saved)})
    # Not in a copy of the model: Keras gives its weights other names.
    known = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for tensor in model.state_dict().values():  # parameters and buffers
        tensor.zero_()
    load_model(model, str(path))
    for name, tensor in model.state_dict().items():
        if not torch.equal(tensor, known[name]):
            raise ExportFailed(f"{name} is not the same when read back")


def _torch_export(saved: SavedRun, model: nn.Module, path: Path, allowed: Sequence[str]) -> None:
    """Export with `torch.export`, with a dynamic batch size."""
    call = example_call(saved, model, allowed)
    try:
        shapes = dynamic_shapes(model, call)
        program = torch.export.export(model, call.args, call.kwargs, dynamic_shapes=shapes)
    except Exception as error:  # torch.export has many; its message is the reason
        raise ExportFailed(f"torch.export cannot take this model: {_first_line(error)}") from error
    beside = {f"{key}.json": text for key, text in _metadata(saved).items()}
    torch.export.save(program, path, extra_files=beside)
    again = torch.export.load(path).module()
    for wanted in (samples_of(call), 1, 7):
        other = resized(call, wanted)
        if not close(_outputs(model, other), _outputs(again, other)):
            raise ExportFailed("the exported program gives other outputs than the model")


def _onnx(saved: SavedRun, model: nn.Module, path: Path, allowed: Sequence[str]) -> None:
    """Export to ONNX, with a dynamic batch size."""
    call = example_call(saved, model, allowed)
    try:
        write_onnx(model, call, path, _metadata(saved))
    except UserError:
        raise
    except Exception as error:  # torch's exporter has many; its message is the reason
        raise ExportFailed(f"ONNX cannot take this model: {_first_line(error)}") from error
    for wanted in (samples_of(call), 1, 7):
        other = resized(call, wanted)
        if not close([*leaves(_outputs(model, other))], outputs_of_onnx(path, other), 1e-3, 1e-4):
            raise ExportFailed(
                "the ONNX file gives other outputs than the model (does it draw random numbers?)"
            )


def _outputs(model: nn.Module, call: ModelCall) -> Any:
    """Return outputs that do not depend on random numbers drawn before."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        return model(*call.args, **call.kwargs)


def _metadata(saved: SavedRun) -> dict[str, str]:
    """Return the metadata of a file as JSON: the model's configuration and its class names."""
    known = {"model": masked(placed_config(saved).values["model"]), "classes": saved.record.classes}
    return {"sweepboard": __version__, **{key: json.dumps(value) for key, value in known.items()}}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
