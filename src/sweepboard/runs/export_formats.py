"""The formats of exported models, which `sweepboard export --help` lists without torch."""

from __future__ import annotations

from pathlib import Path

from sweepboard.errors import UserError

FORMATS = {"safetensors": ".safetensors", "torch_export": ".pt2", "onnx": ".onnx"}
"""The formats and their file suffixes."""


def format_of(output: str | None) -> str:
    """Return the format that a file's ending asks for; the default for None. Raise `UserError` for others."""
    if output is None:
        return "safetensors"
    ending = Path(output).suffix
    for kind, its in FORMATS.items():
        if ending == its:
            return kind
    endings = ", ".join(FORMATS.values())
    raise UserError(f"--output {output}: its ending names no format; use one of {endings}, or add --format")
