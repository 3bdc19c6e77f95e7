"""Read named tensors from a file of weights (`.pth`, `.pt`, `.safetensors`) or from a run's checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sweepboard.errors import ConfigError, NotHere, reason
from sweepboard.settings import WeightsSettings
from sweepboard.training.checkpoint_file import DamagedCheckpoint, load_checkpoint, load_weights_file

RECORD = "run.json"
"""The file by which the folder of a run is known."""

_USUAL = ("state_dict", "model_state_dict", "model", "learner.model")
"""Where files hold the tensors of a model; the last is that of a run's `last.pt`."""


def file_of(settings: WeightsSettings) -> Path:
    """Return the file of weights that the settings name.

    Raise `NotHere` if there is none, and `ConfigError` for a run without this checkpoint.
    """
    path = Path(settings.path or "").expanduser()
    if path.is_file():
        return path
    if (path / RECORD).is_file():
        return _checkpoint_of(path, settings.checkpoint)
    what = "is no run folder (it has no run.json)" if path.is_dir() else "is not here"
    raise NotHere(f"weights.path: {path} {what}; type the path of a file of weights or of a run's folder")


def _checkpoint_of(run: Path, checkpoint: str) -> Path:
    file = run / "checkpoints" / f"{checkpoint}.pt"
    if not file.is_file():
        other = "last" if checkpoint == "best" else "best"
        there = (run / "checkpoints" / f"{other}.pt").is_file()
        hint = f"; it has a {other} one: type weights.checkpoint={other}" if there else ""
        raise ConfigError(f"weights.path: {run} has no {checkpoint} checkpoint{hint}")
    return file


def read_weights(settings: WeightsSettings, device: str = "cpu") -> dict[str, Any]:
    """Return the tensors by the names that they have in the model, on `device`; `meta` reads shapes only.

    Raise `ConfigError` for a file that cannot be read or has no such tensors.
    """
    file = file_of(settings)
    tensors = _below(_content(file, settings, device), settings.key, file)
    return _renamed(tensors, settings, file)


def _content(file: Path, settings: WeightsSettings, device: str) -> Mapping[str, Any]:
    from safetensors import SafetensorError  # only where a run begins with weights

    try:
        content = _read(file, file == Path(settings.path or "").expanduser(), device)
    except (OSError, DamagedCheckpoint, SafetensorError) as error:
        told = (
            str(error) if isinstance(error, DamagedCheckpoint) else f"{file} cannot be read: {reason(error)}"
        )
        raise ConfigError(f"weights.path: {told}") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"weights.path: {file} holds a {type(content).__name__} and not tensors by name")
    return content


def _read(file: Path, of_anyone: bool, device: str) -> Any:
    if not of_anyone:
        return load_checkpoint(file)
    return _safetensors(file, device) if file.suffix == ".safetensors" else load_weights_file(file, device)


def _safetensors(file: Path, device: str) -> dict[str, Tensor]:
    from safetensors import safe_open

    with safe_open(file, "pt", device="cpu") as opened:
        names = list(opened.keys())
        if device == "meta":
            shapes = {name: opened.get_slice(name).get_shape() for name in names}
            return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
        return {name: opened.get_tensor(name) for name in names}


def _below(content: Mapping[str, Any], key: str | None, file: Path) -> Mapping[str, Any]:
    """Return the mapping of tensors below `key`, or below one of the usual names."""
    for candidate in ("", *_USUAL) if key is None else (key,):
        found = _at(content, candidate)
        if isinstance(found, Mapping) and any(isinstance(value, Tensor) for value in found.values()):
            return found
    where = "that are named" if key is None else f"below {key}"
    mappings = [str(name) for name, value in content.items() if isinstance(value, Mapping)]
    hint = f": type weights.key= and one of {', '.join(mappings[:8])}" if mappings else ""
    raise ConfigError(f"weights.{'path' if key is None else 'key'}: {file} has no tensors {where}{hint}")


def _at(content: Any, key: str) -> Any:
    """Return the value at a dotted key; None if there is none. A name may have dots itself."""
    if not key:
        return content
    if not isinstance(content, Mapping):
        return None
    if key in content:
        return content[key]
    first, _, rest = key.partition(".")
    return _at(content.get(first), rest) if rest else None


def _renamed(tensors: Mapping[str, Any], settings: WeightsSettings, file: Path) -> dict[str, Any]:
    strip, add = settings.strip_prefix or "", settings.add_prefix or ""
    found = {name.removeprefix(strip): one for name, one in tensors.items() if name.startswith(strip)}
    if not found:
        names = ", ".join(list(tensors)[:3])
        raise ConfigError(
            f"weights.strip_prefix: no name of a tensor in {file} begins with {strip}; they are {names}, ..."
        )
    return {f"{add}{name}": one for name, one in found.items()}
