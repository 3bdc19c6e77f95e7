"""Which jobs of a sweep an engine still has, though nobody may be waiting for them."""

from __future__ import annotations

from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.execution.slurm.adoption import standing
from sweepboard.sweeps.folder import SweepFolder


def at_engine(folder: SweepFolder) -> dict[str, str]:
    """Return, by label, how jobs stand that wait or run at Slurm: `Slurm's job 12_0, PENDING`.

    It is empty where Slurm cannot be asked.
    """
    try:
        return standing(folder.launcher)
    except UserError:
        return {}


def at_engines_below(root: Path) -> dict[Path, str]:
    """Return the same by the folder of the run; `root` is an output root, its `sweeps`, or a sweep."""
    found = [
        path.parents[2] for depth in ("", "*/", "sweeps/*/") for path in root.glob(f"{depth}launcher/*/array")
    ]
    sweeps = map(SweepFolder, dict.fromkeys(found))
    return {sweep.path / label: how for sweep in sweeps for label, how in at_engine(sweep).items()}
