"""Arms and rows, and the rounds in which arms take turns.

A row compares arms that do the same work. Each round runs every arm once, as fresh processes, one after the
other or in turns of a block of updates, so that a machine that gets slower or faster meets all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.arms import Arm, take_turn
from benchmarks.bars import Bar, Gate, Reading, Round, read
from benchmarks.process import CommandFailed
from benchmarks.turns import run_in_turns


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    work: str
    against: str
    arms: tuple[Arm, ...]
    bars: tuple[Bar, ...]
    gates: tuple[Gate, ...] = ()
    rounds: int = 7
    group: str = ""
    """Rows of one group share their rounds: an arm that several of them have runs once a round."""

    prepare: tuple[Callable[[], object], ...] = ()
    """Done before the first round and not measured; for what is made once and kept."""

    in_turns: bool = False
    """The arms run side by side and take turns of a block of updates (`turns.py`)."""

    tried: str = ""
    """What was tried and what profiles say, for the reader of a bar that was not reached."""


@dataclass(frozen=True)
class Outcome:
    """A row, measured or failed."""

    row: str
    work: str
    against: str
    readings: list[Reading] = field(default_factory=list)
    rounds: Sequence[Round] = ()
    broken: list[str] = field(default_factory=list)
    """Gates that did not hold, or the end of what a failed command printed."""


def measure(rows: Sequence[Row], rounds: int | None = None) -> Iterator[list[Outcome]]:
    """Measure rows, group by group. `rounds` replaces each row's own number of rounds."""
    for group in _groups(rows):
        arms = list({arm.name: arm for row in group for arm in row.arms}.values())
        try:
            for step in dict.fromkeys(step for row in group for step in row.prepare):
                step()
            run = run_in_turns if group[0].in_turns else _round
            given = [run(arms, turn) for turn in range(rounds or max(row.rounds for row in group))]
            yield [monitor(row, given) for row in group]
        except CommandFailed as error:
            yield [Outcome(row.name, row.work, row.against, broken=[str(error)]) for row in group]


def monitor(row: Row, rounds: Sequence[Round]) -> Outcome:
    """Hold the numbers of all rounds against a row's bars and gates."""
    own = [{arm.name: given[arm.name] for arm in row.arms} for given in rounds]
    readings = [read(bar, own) for bar in row.bars]
    broken = [gate.what for gate in row.gates if not all(gate.holds(given) for given in own)]
    return Outcome(row.name, row.work, row.against, readings, own, broken)


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group or row.name, []).append(row)
    return list(groups.values())


def _round(arms: Sequence[Arm], turn: int) -> Round:
    return {arm.name: take_turn(arm, turn) for arm in arms}
