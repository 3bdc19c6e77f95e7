"""Classes of a notebook or a script, which the processes of a sweep cannot import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweepboard.compose.locate import TARGET, nodes
from sweepboard.errors import ConfigError

_MAIN = "__main__."


def refuse_notebook_classes(values: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for a `_target_` that is defined in a notebook or in the script that is running."""
    for group, value in values.items():
        if group == "program":  # a script of one's own is found by its path
            continue
        for key, node in nodes(value, group):
            if str(node[TARGET]).startswith(_MAIN):
                name = node[TARGET].removeprefix(_MAIN)
                raise ConfigError(
                    f"{key}.{TARGET}: {node[TARGET]} is defined in a notebook or script, and the processes "
                    f"of a sweep cannot import it: write it to a file, such as parts.py, and type "
                    f"{key}.{TARGET}=parts.{name}"
                )
