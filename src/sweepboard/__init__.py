"""sweepboard: Hydra-configured experiments for PyTorch whose run folders are TensorBoard boards.

model = sweepboard.load_model("outputs/2026-11-21/12-00-00")  # an nn.Module in eval mode
records = sweepboard.load_runs("outputs")  # config, metrics and curves of every run
"""

# ruff: noqa: E402 - before anything else is imported, the working directory is taken from the path

from __future__ import annotations

from sweepboard.import_path import leave_out_working_directory

leave_out_working_directory()

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweepboard.analysis.api import load_runs
    from sweepboard.runs.load_model import load_model

__version__ = version("sweepboard")
__all__ = ["load_model", "load_runs"]

_FACE = {"load_model": "sweepboard.runs.load_model", "load_runs": "sweepboard.analysis.api"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `import sweepboard` stays light."""
    if name not in _FACE:
        raise AttributeError(f"module 'sweepboard' has no attribute {name!r}")
    return getattr(import_module(_FACE[name]), name)
