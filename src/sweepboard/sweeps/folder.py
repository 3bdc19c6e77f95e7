"""The folder of a sweep: its paths, and how a new one is created."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from sweepboard.files import writing
from sweepboard.runs.folder import PLAN, RunFolder

SWEEPS = "sweeps"
"""Where sweeps lie below the output root."""


@dataclass(frozen=True)
class SweepFolder:
    """The paths in `outputs/sweeps/<name>/`: the frozen plan, a run folder for each job, the results."""

    path: Path

    @property
    def plan(self) -> Path:
        """The frozen plan, written before the first job starts."""
        return self.path / PLAN

    @property
    def composed(self) -> Path:
        """The configuration of the sweep as a whole, with its `hydra` block, under Hydra's file name."""
        return self.path / "multirun.yaml"

    def job(self, label: str) -> RunFolder:
        """Return the run folder of a job."""
        return RunFolder(self.path / label)

    @property
    def launcher(self) -> Path:
        """What the launcher keeps: logs, and how jobs on other hosts stand."""
        return self.path / "launcher"

    @property
    def data(self) -> Path:
        """Digests of the data that the jobs began with."""
        return self.path / "plan" / "data.json"

    @property
    def search(self) -> Path:
        """The definition of a search: space, settings, configurations."""
        return self.path / "search.yaml"

    @property
    def study(self) -> Path:
        """Every trial of a search, in a file that Optuna's own tools read."""
        return self.path / "study.journal"

    @property
    def results_csv(self) -> Path:
        """The table of results, a row per job."""
        return self.path / "results.csv"

    @property
    def results_json(self) -> Path:
        """The same table with every metric."""
        return self.path / "results.json"

    @property
    def picture(self) -> Path:
        """The curves of all jobs, and the primary metric against the swept keys."""
        return self.path / "results.png"

    def __str__(self) -> str:
        return str(self.path)


def claim_sweep(root: Path, swept: str, now: datetime) -> SweepFolder:
    """Create and return a new folder `<root>/sweeps/<date>_<time>[-<swept>]`.

    No other process can get the same folder. Raise `NotWritable`.
    """
    root = root / SWEEPS
    stem = f"{now:%Y-%m-%d_%H-%M-%S}" + (f"-{swept}" if swept else "")
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        for attempt in count(1):
            path = root / (stem if attempt == 1 else f"{stem}-{attempt}")
            with suppress(FileExistsError):
                path.mkdir()
                return SweepFolder(path)
    raise AssertionError("unreachable: count() does not end")
