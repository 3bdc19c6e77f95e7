"""Import torchvision, only here: it takes a second, and its errors need explaining."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from types import ModuleType

from sweepboard.errors import UserError


def import_torchvision(part: str = "") -> ModuleType:
    """Return torchvision, or its module `part` (`datasets`, `models`).

    Raise `UserError` if it is not installed or does not match the installed torch.
    """
    try:
        return import_module(f"torchvision.{part}" if part else "torchvision")
    except (ImportError, RuntimeError) as error:
        raise explained(error) or error from error


def explained(error: BaseException) -> UserError | None:
    """Return the meaning of an error at `import torchvision` (also in user code); None for another error."""
    if isinstance(error, ModuleNotFoundError) and error.name == "torchvision":
        return UserError("torchvision is not installed: pip install torchvision")
    if isinstance(error, RuntimeError) and "operator torchvision::" in str(error):
        return UserError(
            f"torch {version('torch')} and torchvision {version('torchvision')} come from different builds: "
            "reinstall both from one place (pip install --force-reinstall torch torchvision)"
        )
    return None
