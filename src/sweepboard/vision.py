"""The one place that imports torchvision: it takes a second, and can fail in a way that needs explaining."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from types import ModuleType

from sweepboard.errors import UserError


def import_torchvision(part: str = "") -> ModuleType:
    """torchvision, or its part of that name (`datasets`, `models`).

    Raises `UserError` where it is not installed or does not belong to the installed torch.
    """
    try:
        return import_module(f"torchvision.{part}" if part else "torchvision")
    except (ImportError, RuntimeError) as error:
        raise explained(error) or error from error


def explained(error: BaseException) -> UserError | None:
    """What an error at `import torchvision` (perhaps by user code) means; None where it is another error."""
    if isinstance(error, ModuleNotFoundError) and error.name == "torchvision":
        return UserError("torchvision is not installed: pip install torchvision")
    if isinstance(error, RuntimeError) and "operator torchvision::" in str(error):
        return UserError(
            f"torch {version('torch')} and torchvision {version('torchvision')} come from different builds: "
            "reinstall both from one place (pip install --force-reinstall torch torchvision)"
        )
    return None
