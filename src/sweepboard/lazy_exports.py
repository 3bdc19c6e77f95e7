"""Import public names when they are first used, so that `import sweepboard` stays light."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_exports(package: str, homes: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any]]:
    """Return `__all__` and `__getattr__` (PEP 562) of a package.

    `homes` maps each public name to the module that defines it: `{"CNN": "sweepboard.models.cnn"}`. A type
    checker needs the same imports below `if TYPE_CHECKING:`.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    if package in sys.modules:  # for `help(sweepboard)` and completion in a notebook
        vars(sys.modules[package])["__dir__"] = lambda: sorted({*vars(sys.modules[package]), *homes})
    return sorted(homes), get
