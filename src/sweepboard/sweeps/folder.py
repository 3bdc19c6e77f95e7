"""The folder of a sweep: every path in one object, and the one way to get a new one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from sweepboard.files import writing
from sweepboard.runs.folder import RunFolder

SWEEPS = "sweeps"
"""Where sweeps lie below the output root."""


@dataclass(frozen=True)
class SweepFolder:
    """`outputs/sweeps/<name>/`: the frozen plan, a run folder for each job, and what came out."""

    path: Path

    @property
    def plan(self) -> Path:
        """The jobs, frozen before the first one started."""
        return self.path / "sweep.json"

    def frozen(self, name: str) -> Path:
        """The configuration from which a job runs, by its label or, where it has one, its own name."""
        return self.path / "plan" / f"{name}.yaml"

    def plan_files(self) -> list[Path]:
        """The frozen configurations that there are."""
        return sorted((self.path / "plan").glob("*.yaml"))

    def job(self, label: str) -> RunFolder:
        """The run folder of a job."""
        return RunFolder(self.path / label)

    @property
    def data(self) -> Path:
        """Digests of what is in the data that the jobs began with."""
        return self.path / "plan" / "data.json"

    @property
    def search(self) -> Path:
        """What is searched, where the sweep is a search: space, settings, configurations."""
        return self.path / "search.yaml"

    @property
    def study(self) -> Path:
        """Every trial of a search, as Optuna's own tools read it."""
        return self.path / "study.journal"

    @property
    def results_csv(self) -> Path:
        """The final table, a line per job."""
        return self.path / "results.csv"

    @property
    def results_json(self) -> Path:
        """The same with every metric."""
        return self.path / "results.json"

    @property
    def picture(self) -> Path:
        """The curves of all jobs, and the primary metric against what was swept."""
        return self.path / "results.png"

    def __str__(self) -> str:
        return str(self.path)


def claim_sweep(root: Path, swept: str, now: datetime) -> SweepFolder:
    """Make a new folder `<root>/sweeps/<date>_<time>[-<swept>]` that no other process can get.

    Raises `NotWritable`.
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
