"""Runs in a notebook: `sweepboard.load_runs("outputs")`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from sweepboard.analysis.compare import matching
from sweepboard.analysis.load import read_runs
from sweepboard.analysis.notebook import run_html, runs_html
from sweepboard.analysis.run import Run
from sweepboard.analysis.table import values_of
from sweepboard.errors import UserError


@dataclass(frozen=True)
class Result:
    """A run of sweepboard or of any other tool that writes event files, finished or not."""

    run: Run

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.run.path

    @property
    def name(self) -> str:
        """The run's folder, relative to the path that was loaded."""
        return self.run.name

    @property
    def status(self) -> str:
        """`finished`, `failed`, `interrupted`, `running`, or `unknown` for tools that do not record it."""
        return self.run.status

    @property
    def seed(self) -> int | None:
        """The random seed."""
        return self.run.seed

    @property
    def seconds(self) -> float | None:
        """Training time in seconds."""
        return self.run.seconds

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, nested; empty for runs of other tools."""
        return self.run.config

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the model's outputs; empty if unknown."""
        return list(self.run.record.classes) if self.run.record else []

    @property
    def hparams(self) -> dict[str, Any]:
        """The hyperparameters, flat and without the seed: `{"optimizer.lr": 0.1}`."""
        return self.run.hparams

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric."""
        return {tag: score.last for tag, score in self.run.scores.items()}

    @property
    def best(self) -> dict[str, float]:
        """The best value of each metric for which it is known whether larger or smaller is better."""
        return {tag: score.best for tag, score in self.run.scores.items() if score.best is not None}

    @cached_property
    def curves(self) -> Any:
        """All scalars as a pandas DataFrame with a row per step and a column per tag.

        Without pandas, a dict of lists: `{"val/loss": [(step, value), ...]}`.
        """
        points = self.run.curves
        pandas = _pandas()
        if pandas is None:
            return {tag: list(zip(x.tolist(), y.tolist(), strict=True)) for tag, (x, y) in points.items()}
        columns = {tag: pandas.Series(y, index=x, dtype=float) for tag, (x, y) in points.items()}
        return pandas.DataFrame(columns).rename_axis("step")

    def __fspath__(self) -> str:
        """Return the run's folder: `sweepboard.load_model(run)`."""
        return str(self.path)

    def __repr__(self) -> str:
        return f"<run {self.name}: {self.status}>"

    def _repr_html_(self) -> str:
        return run_html(self.run)


class Results(list[Result]):
    """A list of runs, ordered by folder."""

    @property
    def table(self) -> Any:
        """A pandas DataFrame with a row per run; without pandas, a list of dicts.

        Columns are name, seed, status, time, the hyperparameters, and for each metric `best(tag)`,
        `last(tag)` and `step(tag)`, the step of the best value.
        """
        rows = [values_of(result.run) for result in self]
        pandas = _pandas()
        return rows if pandas is None else pandas.DataFrame(rows)

    def _repr_html_(self) -> str:
        return runs_html([result.run for result in self])


def load_runs(path: str | Path = "outputs", where: str | None = None) -> Results:
    """Return every run at or below `path`, without importing torch.

    `where` keeps the runs that fulfil a condition: `"optimizer.lr < 0.1 and status == finished"`. Raise
    `sweepboard.errors.UserError` if there is no run.
    """
    return Results(Result(run) for run in matching(read_runs([Path(path)]), where))


def load_run(path: str | Path) -> Result:
    """Return the run in the folder `path`.

    Raise `sweepboard.errors.UserError` if there is no run, or more than one.
    """
    found = load_runs(path)
    if len(found) > 1:
        raise UserError(f"{path}: there are {len(found)} runs below it; name one, or use load_runs")
    return found[0]


def _pandas() -> Any:
    """Return pandas, an optional dependency, or None."""
    try:
        return import_module("pandas")
    except ImportError:
        return None
