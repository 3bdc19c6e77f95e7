"""Verify that a run repeats: run it again and compare all scalars and the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweepboard.board.event_writer import TEST_SUFFIX
from sweepboard.board.scalar_decoder import Series
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.errors import UserError
from sweepboard.metric_names import SPEED
from sweepboard.names import named_entries
from sweepboard.runs.differences import Difference
from sweepboard.runs.execute import execute, new_record
from sweepboard.runs.lock import claimed
from sweepboard.runs.provenance import environment
from sweepboard.runs.reload import prepare_saved
from sweepboard.runs.rerun import DataCheck, differences
from sweepboard.runs.saved_run import SavedRun
from sweepboard.scratch import scratch_folder
from sweepboard.settings import NAMED_GROUPS, keys_with, settings
from sweepboard.training.ending import FINISHED

NOT_COMPARED = SPEED
"""How the tags begin that are not compared."""

_QUIET = [f"{key}={each.rules.off}" for key, each in settings().items() if each.rules.off is not None]
"""Overrides that switch pictures off; they change no scalar and are not compared."""


@dataclass(frozen=True)
class Mismatch:
    """One value that the second run did not repeat; None if a run has no value at this step."""

    tag: str
    step: int
    then: float | None
    now: float | None

    def __str__(self) -> str:
        return f"{self.tag} at step {self.step}: {_exact(self.then)} then, {_exact(self.now)} now"


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison of two runs."""

    compared: int
    """Points that both runs have."""

    mismatches: list[Mismatch]
    """Sorted by step: the first one is where the runs diverge."""

    weights_then: str | None
    weights_now: str | None
    """SHA-256 of the final weights; None if a run did not finish."""

    environment: list[Difference] = field(default_factory=list)
    """Differences of settings, code, packages, hardware and data."""

    tolerance: float = 0.0

    @property
    def saves(self) -> bool:
        """Whether there are weights to compare: a training function may save none."""
        return self.weights_then is not None

    @property
    def same_weights(self) -> bool:
        """Whether the final weights are equal bit for bit."""
        return self.saves and self.weights_then == self.weights_now

    @property
    def holds(self) -> bool:
        """Whether the run repeats exactly, or within the tolerance if there is one."""
        return not self.mismatches and (self.same_weights or not self.saves or self.tolerance > 0)


def compare_scalars(
    then: Mapping[str, Series], now: Mapping[str, Series], tolerance: float = 0.0
) -> tuple[int, list[Mismatch]]:
    """Compare two runs point by point.

    With `tolerance` t, values agree where |a - b| <= t * max(1, |a|, |b|). Two NaN agree. Return the number
    of points that both runs have, and the mismatches sorted by step.
    """
    compared, found = 0, []
    for tag in sorted({*then, *now}):
        if tag.startswith(NOT_COMPARED):
            continue
        left, right = _points(then, tag), _points(now, tag)
        compared += len(left.keys() & right.keys())
        found += list(_mismatches(tag, left, right, tolerance))
    return compared, sorted(found, key=lambda mismatch: (mismatch.step, mismatch.tag))


def _points(run: Mapping[str, Series], tag: str) -> dict[int, float]:
    if tag not in run:
        return {}
    return dict(zip(run[tag].steps.tolist(), run[tag].values.tolist(), strict=True))


def _mismatches(
    tag: str, then: dict[int, float], now: dict[int, float], tolerance: float
) -> Iterator[Mismatch]:
    for step in sorted(then.keys() | now.keys()):
        left, right = then.get(step), now.get(step)
        if left is None or right is None or not _agree(left, right, tolerance):
            yield Mismatch(tag, step, left, right)


def _agree(left: float, right: float, tolerance: float) -> bool:
    if left == right or (math.isnan(left) and math.isnan(right)):
        return True
    return abs(left - right) <= tolerance * max(1.0, abs(left), abs(right))


def _exact(value: float | None) -> Any:
    return "no value" if value is None else f"{value:.9g}"


class NothingToVerify(UserError):
    """A run that did not finish, or that has no scalars to compare."""


def verify(
    saved: SavedRun,
    tolerance: float = 0.0,
    overrides: Sequence[str] = (),
    allowed: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
) -> Verdict:
    """Run `saved` again in a temporary folder and compare. The saved run is only read.

    The verdict lists `overrides` (another number of threads, another device) as differences. Raise
    `NothingToVerify`, and what `prepare_saved` raises.
    """
    _require_finished(saved)
    prepared = prepare_saved(saved, [*_quiet(saved), *overrides], allowed, config_dirs)
    now = environment(Path.cwd(), prepared.config.training)
    found = [found for found in differences(saved, prepared, now) if _counts(found)]
    check = DataCheck(saved, found.append)
    record = new_record(prepared, "sweepboard verify")
    with scratch_folder("sweepboard-verify-") as scratch:
        with claimed(scratch / "run") as folder:
            execute(prepared.placed(folder.path, saved.record.number), folder, record, {"data check": check})
        points = read_scalars(folder.path)
    logged = read_scalars(saved.folder.path, without=TEST_SUFFIX)  # not what `sweepboard test` added
    then = {tag: each for tag, each in logged.items() if tag not in _left_out(saved)}
    compared, mismatches = compare_scalars(then, points, tolerance)
    weights = (saved.record.weights_sha256, record.weights_sha256)
    return Verdict(compared, mismatches, *weights, found, tolerance)


def _quiet(saved: SavedRun) -> list[str]:
    """Return the overrides that switch off what changes no scalar."""
    if saved.config.program:
        return []
    writers = [key for key in named_entries(saved.config.values) if key in saved.config.writes_only]
    return [*_QUIET, *(f"~{key}" for key in writers)]


def _left_out(saved: SavedRun) -> set[str]:
    """Return the tags of callbacks that only write, which do not run again."""
    tags = saved.record.callback_tags.items()
    return {tag for tag, callback in tags if callback in saved.record.writes_only}


def _counts(difference: Difference) -> bool:
    named = difference.key.partition(".")[0] in NAMED_GROUPS
    return difference.key not in keys_with("logging", "place") and (difference.matters or not named)


def _require_finished(saved: SavedRun) -> None:
    if saved.record.status != FINISHED:
        raise NothingToVerify(
            f"{saved.folder} is {saved.record.true_status}, and only a finished run can be verified; "
            f"type `sweepboard resume {saved.folder}` first"
        )
    if not saved.config.logs:
        raise NothingToVerify(f"{saved.folder} was trained with logging=none: it has no scalars to compare")
