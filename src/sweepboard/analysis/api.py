"""Runs for a notebook: `sweepboard.load_runs("outputs")`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from sweepboard.analysis.compare import matching
from sweepboard.analysis.load import Run, gather
from sweepboard.analysis.table import values_of
from sweepboard.errors import UserError


@dataclass(frozen=True)
class Result:
    """One run, finished or not, of sweepboard or of any tool that writes event files."""

    run: Run

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.run.path

    @property
    def name(self) -> str:
        """Its folder as seen from the one that was asked for."""
        return self.run.name

    @property
    def status(self) -> str:
        """`finished`, `failed`, `interrupted`, `running`, or `unknown` where the tool does not say."""
        return self.run.status

    @property
    def seed(self) -> int | None:
        """What its random numbers started from."""
        return self.run.seed

    @property
    def seconds(self) -> float | None:
        """How long it trained."""
        return self.run.seconds

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, nested; empty for other tools' runs."""
        return self.run.config

    @property
    def classes(self) -> list[str]:
        """Names of the classes in the order of the model's outputs; empty where they are not known."""
        return list(self.run.record.classes) if self.run.record else []

    @property
    def hparams(self) -> dict[str, Any]:
        """What makes it differ from others, flat and without the seed: `{"optimizer.lr": 0.1}`."""
        return self.run.hparams

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric."""
        return {tag: score.last for tag, score in self.run.scores.items()}

    @property
    def best(self) -> dict[str, float]:
        """The best value of each metric, the largest or smallest as suits it, where that is known."""
        return {tag: score.best for tag, score in self.run.scores.items() if score.best is not None}

    @cached_property
    def curves(self) -> Any:
        """Every scalar: a pandas frame with a row for each step and a column for each tag.

        Without pandas, a dict of lists: `{"val/loss": [(step, value), ...]}`.
        """
        points = self.run.curves
        pandas = _pandas()
        if pandas is None:
            return {tag: list(zip(x.tolist(), y.tolist(), strict=True)) for tag, (x, y) in points.items()}
        columns = {tag: pandas.Series(y, index=x, dtype=float) for tag, (x, y) in points.items()}
        return pandas.DataFrame(columns).rename_axis("step")

    def __repr__(self) -> str:
        return f"<run {self.name}: {self.status}>"


class Results(list[Result]):
    """Runs in order of their folders."""

    @property
    def table(self) -> Any:
        """A pandas frame with a row for each run; without pandas, a list of dicts.

        Columns are name, seed, status, time, hyperparameters, and of each metric `best(tag)`, `last(tag)` and
        `step(tag)`, where it was best.
        """
        rows = [values_of(result.run) for result in self]
        pandas = _pandas()
        return rows if pandas is None else pandas.DataFrame(rows)


def load_runs(path: str | Path = "outputs", where: str | None = None) -> Results:
    """Every run at or below `path`, read from what training wrote; nothing is imported of torch.

    `where` keeps those for which a condition holds: `"optimizer.lr < 0.1 and status == finished"`. Raises
    `sweepboard.errors.UserError` where there is no run.
    """
    return Results(Result(run) for run in matching(gather([Path(path)]), where))


def load_run(path: str | Path) -> Result:
    """Return the run in the folder `path`.

    Raise `sweepboard.errors.UserError` where there is no run, or several.
    """
    found = load_runs(path)
    if len(found) > 1:
        raise UserError(f"{path}: there are {len(found)} runs below it; name one, or use load_runs")
    return found[0]


def _pandas() -> Any:
    """pandas, which is no dependency of sweepboard, or None."""
    try:
        return import_module("pandas")
    except ImportError:
        return None
