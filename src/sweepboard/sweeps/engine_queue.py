"""Which jobs of a sweep an engine still has, though nobody may be waiting for them."""

from __future__ import annotations

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
