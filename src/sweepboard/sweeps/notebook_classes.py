"""Classes and functions of a notebook or a script, which the processes of a sweep cannot import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweepboard.compose.interpolations import leaves
from sweepboard.errors import ConfigError
from sweepboard.settings import PROGRAM

_MAIN = "__main__."


def refuse_notebook_classes(values: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for a class or function that a notebook or the running script defines."""
    for key, value in leaves(values, ""):
        if not isinstance(value, str) or not value.startswith(_MAIN):
            continue
        if key.startswith(f"{PROGRAM}.") and values[PROGRAM]["file"] is not None:
            continue  # a script of one's own is found by its path
        raise ConfigError(
            f"{key}: {value} is defined in a notebook or script, and the processes of a sweep cannot "
            f"import it: write it to a file, such as parts.py, and type "
            f"{key}=parts.{value.removeprefix(_MAIN)}"
        )
