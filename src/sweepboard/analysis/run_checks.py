"""The faults that one run's folder can have, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from sweepboard.analysis.logdir import RunFiles
from sweepboard.analysis.record_match import difference_from_record
from sweepboard.board.scalar_decoder import Series
from sweepboard.formatting import some


@dataclass(frozen=True)
class Fault:
    """A fault, its place and its remedy; one line each."""

    kind: str
    """A fixed name: `two-writers`, `torn-file`, …"""

    where: str
    """The run's or file's name in the log directory."""

    what: str
    remedy: str


def faults_of_run(run: RunFiles) -> list[Fault]:
    """Return all faults inside one run."""
    writers = list(_two_writers(run))
    # Steps that go back and forth are then a consequence, not faults of their own.
    steps = [] if writers else [*_backward(run), *_written_again(run), *_without_steps(run)]
    return [*writers, *steps, *_damaged(run), *_cut(run), *_without_end(run), *_bad_numbers(run)]


def _two_writers(run: RunFiles) -> Iterator[Fault]:
    spans = {path: span for path, series in run.originals.items() if (span := _span(series)) is not None}
    for (one, (start, end)), (other, (begin, stop)) in combinations(spans.items(), 2):
        if max(start, begin) < min(end, stop):
            yield Fault(
                "two-writers",
                run.name,
                f"{one.name} and {other.name} were written at the same time: TensorBoard's fast loader drops "
                "points of one of them, the other draws a zigzag",
                f"give each writer a folder of its own: move {other.name} into a new folder",
            )
            return


def _span(series: dict[str, Series]) -> tuple[float, float] | None:
    """Return the wall times of the first and the last point of a file."""
    times = [each.wall_times for each in series.values() if each.wall_times.size]
    return (min(float(t.min()) for t in times), max(float(t.max()) for t in times)) if times else None


def _backward(run: RunFiles) -> Iterator[Fault]:
    """Yield files in which steps go back: the writer started counting again."""
    for path, series in run.originals.items():
        tags = [tag for tag, each in series.items() if np.any(np.diff(each.steps) < 0)]
        if tags:
            steps = series[tags[0]].steps
            place = int(np.flatnonzero(np.diff(steps) < 0)[0])
            yield Fault(
                "steps-go-back",
                run.name,
                f"steps of {some(tags)} go back from {steps[place]} to {steps[place + 1]} in {path.name}: "
                "TensorBoard drops or crosses what came before",
                "log a global_step that only grows, over epochs too; a new count needs a new folder",
            )


def _written_again(run: RunFiles) -> Iterator[Fault]:
    """Yield files that repeat steps of an earlier file: after a resume from before the end of the log."""
    files = list(run.originals.items())
    for place, (newer, after) in enumerate(files):
        for older, before in reversed(files[:place]):
            tags = [tag for tag in after if tag in before and _overlap(before[tag], after[tag])]
            if tags:
                first = min(int(after[tag].steps.min()) for tag in tags)
                last = max(int(before[tag].steps.max()) for tag in tags)
                yield Fault(
                    "duplicate-steps",
                    run.name,
                    f"steps {first} to {last} of {some(tags)} are in {older.name} and again in {newer.name}, "
                    "as after a resume: readers show both",
                    f"write {older.name} anew without its events from step {first} on (as sweepboard resume)",
                )
                break


def _overlap(before: Series, after: Series) -> bool:
    """Return whether a curve starts again before its end; a single point, such as a test, is not a curve."""
    is_curve = len(before.steps) > 1 or len(after.steps) > 1
    return is_curve and int(after.steps.min()) <= int(before.steps.max())


def _without_steps(run: RunFiles) -> Iterator[Fault]:
    for path, series in run.originals.items():
        tags = [
            tag for tag, each in series.items() if len(each.steps) > 2 and np.all(each.steps == each.steps[0])
        ]
        if tags:
            count, step = len(series[tags[0]].steps), series[tags[0]].steps[0]
            yield Fault(
                "no-steps",
                run.name,
                f"all {count} points of {some(tags)} in {path.name} are at step {step}: they make no curve",
                "give each point its step: add_scalar(tag, value, global_step)",
            )


def _damaged(run: RunFiles) -> Iterator[Fault]:
    for path in run.files:
        damages = [damage for damage in run.damages if damage.path == path]
        torn = [damage for damage in damages if damage.torn]
        whole = [damage for damage in damages if not damage.torn]
        name = f"{run.name}/{path.name}"
        if whole and whole[0].offset == 0:
            what = "is no event file, or damaged from its first byte on; its name makes TensorBoard read it"
            remedy = "move it outside the log directory, unpack it, or take it from a backup"
            yield Fault("damaged-file", name, what, remedy)
        elif whole:
            more = f" ({len(whole)} places)" if len(whole) > 1 else ""
            what = f"byte {whole[0].offset}: {whole[0].reason}{more}; TensorBoard shows nothing after it"
            remedy = "take the file from a backup, or run again; sweepboard compare reads what is whole"
            yield Fault("damaged-file", name, what, remedy)
        elif torn and not run.is_running:
            what = "its last record is not complete: the writer was killed in it, or is still at it"
            yield Fault(
                "torn-file", name, what, f"cut it to {torn[0].offset} bytes: truncate -s {torn[0].offset}"
            )
        elif path.stat().st_size == 0 and not run.is_running:
            yield Fault("empty-file", name, "holds nothing, but makes an empty run", "delete it")
    if run.record_damage:
        yield Fault(
            "damaged-record", run.name, run.record_damage, "take that file from a backup, or run again"
        )


def _cut(run: RunFiles) -> Iterator[Fault]:
    """Yield a finished run whose event files lack its last points, where nothing else shows it."""
    if run.record is None or run.damages:
        return
    points = {
        tag: _in_order([each[tag] for each in run.originals.values() if tag in each]) for tag in run.tags
    }
    what = difference_from_record(run.record, points)
    if what:
        yield Fault("cut-file", run.name, what, "take both from a backup, or run again: sweepboard rerun")


def _in_order(parts: Sequence[Series]) -> npt.NDArray[Any]:
    """Return the values of a tag from several files, sorted by step."""
    steps = np.concatenate([part.steps for part in parts])
    values: npt.NDArray[Any] = np.concatenate([part.values for part in parts])
    return values[np.argsort(steps, kind="stable")]


def _without_end(run: RunFiles) -> Iterator[Fault]:
    if run.is_running:
        return
    if run.record is not None and run.record.status == "running":
        what = "says that it is running, but its process is gone: it was killed"
        yield Fault("no-end", run.name, what, f"sweepboard resume {run.path}")
    elif run.starts and not run.ends:
        what = "has a row in the HParams table that says how it started and never that it ended"
        remedy = "if it is not running any more, run it again or resume it; close the writer at the end"
        yield Fault("no-end", run.name, what, remedy)


def _bad_numbers(run: RunFiles) -> Iterator[Fault]:
    for start in run.starts:
        for name, value in start.hparams.items():
            if value.HasField("number_value") and not np.isfinite(value.number_value):
                what = (
                    f"the hparam {name} is {value.number_value}: TensorBoard shows an empty cell, and before "
                    "2.14 no table at all"
                )
                yield Fault("bad-hparam", run.name, what, "leave such a value out, or write it as text")
