"""Which jobs of a sweep an engine still has, though nobody may be waiting for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.execution.slurm import commands
from sweepboard.execution.slurm.adoption import has_submitted, standing
from sweepboard.sweeps.folder import SweepFolder

_PATIENCE = 10.0
"""Seconds that Slurm has for an answer."""


def at_engine(folder: SweepFolder) -> Mapping[str, str]:
    """Return, by label, how jobs stand that wait or run at Slurm: `Slurm's job 12_0, PENDING`.

    It is empty where Slurm cannot be asked.
    """
    return _standing([folder])[folder.path]


def at_engines_below(root: Path) -> dict[Path, str]:
    """Return the same by the folder of the run; `root` is an output root, its `sweeps`, or a sweep."""
    found = [path.parent for depth in ("", "*/", "sweeps/*/") for path in root.glob(f"{depth}launcher")]
    return {
        path / label: how
        for path, jobs in _standing(map(SweepFolder, dict.fromkeys(found))).items()
        for label, how in jobs.items()
    }


def _standing(folders: Iterable[SweepFolder]) -> dict[Path, dict[str, str]]:
    found = {folder.path: folder.launcher for folder in folders}
    try:
        queue = commands.queue(_PATIENCE) if any(map(has_submitted, found.values())) else {}
    except UserError:
        queue = {}
    return {path: standing(launcher, queue) for path, launcher in found.items()}
