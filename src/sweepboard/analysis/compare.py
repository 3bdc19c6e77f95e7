"""A table of runs: one row per config, with its seeds combined, and columns only for what differs."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from operator import itemgetter
from typing import Any

from sweepboard.analysis.averaged import averaged_keys
from sweepboard.analysis.differing_hparams import description, differing
from sweepboard.analysis.query_names import QueryNames, metric_key
from sweepboard.analysis.run import Run
from sweepboard.analysis.table import FIELDS, Row, grouped, values_of
from sweepboard.errors import UserError, did_you_mean
from sweepboard.expressions import Expression, as_number
from sweepboard.formatting import some
from sweepboard.metric_names import BEST_TEST, UNKNOWN, metric_tags, with_weights

log = logging.getLogger(__name__)

SHOWN = 3
"""Default number of metrics in a printed table."""


@dataclass(frozen=True)
class Comparison:
    """The rows of the table, in order, and its columns."""

    rows: Sequence[Row]
    keys: Sequence[str]
    """The hyperparameters that differ."""

    tags: Sequence[str]
    """Every metric, the most important first."""

    shown: Sequence[str]
    """The metrics of a printed table."""

    modes: Mapping[str, str]
    """`min`, `max` or `unknown`: the direction in which each metric gets better."""

    def drawn(self, tag: str) -> str:
        """Return what a plot shows of a metric: its best value, or the last if its direction is unknown."""
        return f"{'last' if self.modes[tag] == UNKNOWN else 'best'} {tag}"

    def titled(self, tag: str) -> str:
        """Return the name of a metric; that of a test says of which weights it is."""
        return with_weights(tag, any(run.improved_before_end for run in self.runs))

    @property
    def runs(self) -> list[Run]:
        """The runs of all rows."""
        return [run for row in self.rows for run in row.runs]

    @cached_property
    def labels(self) -> list[str]:
        """A distinct label for each row: its differing hyperparameters, or else its seed or folder."""
        labels = [description(row.hparams, self.keys) or row.name for row in self.rows]
        often = Counter(labels)
        return [
            label if often[label] == 1 else _with_seed(label, row)
            for label, row in zip(labels, self.rows, strict=True)
        ]


def compare(
    runs: Sequence[Run],
    where: str | None = None,
    sort: str | None = None,
    reverse: bool = False,
    metrics: Sequence[str] = (),
    each: bool = False,
    average: Sequence[str] = (),
) -> Comparison:
    """Return the table of `runs`.

    `where` keeps the runs that fulfil a condition (`optimizer.lr<0.1 and status==finished`). `metrics` are
    the tags or patterns to show. Runs that differ in the seed, a fold or a key of `average` share a row; with
    `each`, every run has its own. Rows are sorted by `sort`, or else
    by the first metric shown, best first; missing values come last. Raise `UserError` for a name that no run
    has.
    """
    chosen = matching(runs, where)
    tags = _common_first(
        metric_tags({tag for run in runs for tag in run.modes}, _common_primary_metric(runs)), chosen
    )
    modes = {tag: mode for run in runs for tag, mode in run.modes.items()}
    shown = _asked_for(metrics, tags) if metrics else _shown(tags, chosen)
    left_out = averaged_keys(chosen, average)
    rows = [Row([run]) for run in chosen] if each else [*map(Row, grouped(chosen))]
    _warn_equal_seeds(rows)
    if left_out and not each:
        rows = [Row(group, left_out) for group in grouped(chosen, left_out)]
    keys = differing([row.hparams for row in rows], {key for run in chosen for key in run.asked})
    key = Expression(sort).name(names_of(runs)) if sort else _by_first(shown, modes)
    return Comparison(_sorted(rows, key, reverse, modes), keys, tags, shown, modes)


def _warn_equal_seeds(rows: Sequence[Row]) -> None:
    """Warn about runs with the same config and seed."""
    twice = [row for row in rows if len(row.repeats) < len(row.runs)]
    if twice:
        names = some([row.name for row in twice])
        log.warning(
            "%s: several runs of one seed count as one repeat, their mean; --runs shows them apart", names
        )


def _by_first(shown: Sequence[str], modes: Mapping[str, str]) -> str:
    """Return the sort key of the first metric shown, or "" if its direction is unknown."""
    return metric_key(shown[0], "best") if shown and modes[shown[0]] != UNKNOWN else "name"


def names_of(runs: Sequence[Run]) -> QueryNames:
    """Return the names that runs can be sorted and filtered by."""
    hparams = dict.fromkeys(key for run in runs for key in run.hparams)
    tags = dict.fromkeys(tag for run in runs for tag in run.modes)
    return QueryNames(FIELDS, list(hparams), list(tags))


def matching(runs: Sequence[Run], where: str | None) -> list[Run]:
    """Return the runs that fulfil the condition. Raise `UserError` if there are none."""
    if where is None:
        return list(runs)
    holds = Expression(where).condition(names_of(runs))
    chosen = [run for run in runs if holds(values_of(run))]
    if not chosen:
        raise UserError(f"--where {where!r} leaves none of {len(runs)} runs")
    return chosen


def _with_seed(label: str, row: Row) -> str:
    return f"{label}, seed={row.seeds[0]}" if len(row.seeds) == 1 else f"{label}, {row.name}"


def _common_primary_metric(runs: Sequence[Run]) -> str | None:
    primary_metrics = [run.primary_metric for run in runs if run.primary_metric]
    return Counter(primary_metrics).most_common(1)[0][0] if primary_metrics else None


def _common_first(tags: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """Return the tags with those last that fewer than half of the runs have."""
    return sorted(tags, key=lambda tag: _is_rare(tag, runs))


def _shown(tags: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """Return the metrics of a table if none were asked for: those that most runs have, or else the first.

    A test of the best weights is left out where they are the last ones in every run.
    """
    if not any(run.improved_before_end for run in runs):
        tags = [tag for tag in tags if not tag.startswith(BEST_TEST)]
    return [tag for tag in tags if not _is_rare(tag, runs)][:SHOWN] or list(tags[:1])


def _is_rare(tag: str, runs: Sequence[Run]) -> bool:
    return 2 * sum(tag in run.scores for run in runs) < sum(bool(run.scores) for run in runs)


def _asked_for(patterns: Sequence[str], tags: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        matches = [tag for tag in tags if fnmatchcase(tag, pattern)]
        if not matches:
            raise UserError(f"--metric {pattern}: no run has it{did_you_mean(pattern, tags)}")
        found |= dict.fromkeys(matches)
    return list(found)


def _sorted(rows: Sequence[Row], key: str, reverse: bool, modes: Mapping[str, str]) -> list[Row]:
    """Return the rows sorted: metrics best first, anything else ascending; `reverse` inverts the order."""
    part, _, tag = key.partition("(")
    falling = (part != "step" and modes.get(tag.removesuffix(")")) == "max") != reverse
    values = [(row, row.value(key)) for row in rows]
    present = [(row, _order(value)) for row, value in values if not _is_missing(value)]
    missing = [row for row, value in values if _is_missing(value)]
    return [row for row, _ in sorted(present, key=itemgetter(1), reverse=falling)] + missing


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _order(value: Any) -> tuple[bool, Any]:
    """Return a sort key that puts numbers, also those written as text, before other text."""
    value = as_number(value)
    return isinstance(value, str), value
