"""The version of sweepboard, which pyproject.toml reads from here: to ask for that of a package is slow."""

from __future__ import annotations

__version__ = "0.1.0"
