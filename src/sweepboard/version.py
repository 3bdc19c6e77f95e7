"""The installed version of sweepboard."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("sweepboard")
