"""The format of an exported model follows the ending of its file, unless it is typed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.command import TINY, Command

RUN = ["dataset=gaussian", *TINY, "logging=none", "hydra.run.dir=run"]


def format_of(path: Path) -> str:
    """Return what a file is by its content."""
    if zipfile.is_zipfile(path):
        return "torch_export"
    return "safetensors" if b'{"' in path.read_bytes()[:16] else "onnx"


@pytest.mark.parametrize(
    ("words", "written", "kind"),
    [
        (["--output", "m.safetensors"], "m.safetensors", "safetensors"),
        (["--output", "m.pt2"], "m.pt2", "torch_export"),
        (["--output", "m.onnx"], "m.onnx", "onnx"),
        (["--output", "m.bin", "--format", "torch_export"], "m.bin", "torch_export"),
        ([], "run.safetensors", "safetensors"),
    ],
)
def test_it_follows_the_ending(words: list[str], written: str, kind: str, command: Command) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
    command(*RUN)
    command("export", "run", *words)
    assert format_of(Path(written)) == kind


@pytest.mark.parametrize("name", ["m.pth", "m", "m.safetensor", "onnx"])
def test_another_ending_is_refused(name: str, command: Command) -> None:
    line = command("export", "run", "--output", name, code=2).line
    assert line == (
        f"sweepboard: --output {name}: its ending names no format; use one of .safetensors, .pt2, .onnx, or "
        "add --format"
    )
