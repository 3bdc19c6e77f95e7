"""Curves as plain values for JSON, exactly: what all tags share is written once, and numbers as base64."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np

from sweepboard.analysis.curves import Points
from sweepboard.analysis.metrics import Numbers


def packed_curves(curves: Mapping[str, Points]) -> list[Any]:
    """Return the steps and the values of all curves, and for each its tag, start of steps, and length."""
    steps: dict[bytes, int] = {}
    tags: list[list[Any]] = []
    size = 0
    for tag, (each, _) in curves.items():
        content = each.astype("<i8").tobytes()
        if content not in steps:
            steps[content], size = size, size + len(each)
        tags.append([tag, steps[content], len(each)])
    values = np.concatenate([np.empty(0), *(values for _, values in curves.values())])
    kind = "<f4" if _is_single(values) else "<f8"
    return [_text(b"".join(steps)), kind, _text(values.astype(kind).tobytes()), tags]


def unpacked_curves(packed: list[Any]) -> dict[str, Points]:
    """Return the curves of which `packed_curves` made plain values. Their arrays cannot be written to."""
    steps, kind, values, tags = packed
    every_step = np.frombuffer(b64decode(steps), "<i8")
    every_value = np.frombuffer(b64decode(values), kind).astype(np.float64)
    every_value.setflags(write=False)
    ends = accumulate(length for _, _, length in tags)
    return {
        tag: (every_step[start : start + length], every_value[end - length : end])
        for (tag, start, length), end in zip(tags, ends, strict=True)
    }


def _is_single(values: Numbers) -> bool:
    """Return whether the values are numbers of 32 bits, to the last bit."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype("<f4").astype(np.float64).tobytes() == values.tobytes()


def _text(content: bytes) -> str:
    return b64encode(content).decode()
