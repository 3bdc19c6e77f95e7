"""Settings of a training function of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweepboard.settings.field import setting

PROGRAM = "program"
"""The key of these settings in the configuration, which is otherwise the user's own."""

SCRIPT = ".__main__"
"""The end of a `program._target_` that is the whole script in `program.file` (`sweepboard.script`)."""


@dataclass(frozen=True)
class ProgramSettings:
    """The settings in `conf/program.yaml`; `program._target_` names the function."""

    file: str | None = setting(None, "place")
    """The script that defines the function, or that is run whole; null for an importable module."""

    config: str | None = setting(None, "place")
    """The name of the primary configuration, for `sweepboard rerun RUN group=option`."""

    primary_metric: str | None = setting(None, "result")
    """The tag by which runs are compared and searched for, such as `val/loss`; null takes the first of the
    logged tags that is named like a result on held-out data."""

    mode: str | None = setting(None, "result", choices=("min", "max"))
    """Whether a smaller (`min`) or larger (`max`) primary metric is better; null tells from its name."""

    device: str = setting("auto", "result", choices=("auto", "cpu", "cuda"))
    """What a sweep reserves for each job: `cpu` or, where there is a GPU, `cuda`."""


def is_program(config: Mapping[Any, Any]) -> bool:
    """Return whether the configuration is of a training function of the user's own."""
    node = config.get(PROGRAM)
    return isinstance(node, Mapping) and bool(node.get("_target_"))
