"""Results as JSON, kept per row so that rows may be measured at different times, and as tables to read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from math import isinf
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from benchmarks.bars import Reading
from benchmarks.harness import Outcome
from benchmarks.rows import ROWS

Record: TypeAlias = Mapping[str, Any]
"""An outcome with the date and the machine it was measured on, as it stands in the JSON."""

JSON = Path(__file__).with_name("results.json")
MARKDOWN = Path(__file__).with_name("RESULTS.md")
README = Path(__file__).parents[1] / "README.md"
QUOTE = re.compile(r"(?<=<!-- quoted by make bench -->\n).*?(?=<!-- end of the quotation -->)", re.DOTALL)
"""Where the README quotes the results."""

QUOTED = ("cnn", "mlp", "sweep-cnn", "steady-cnn", "help")
"""The rows that the README quotes, by their first bar."""

HEADER = """\
# Results

Written by `make bench`; each row alone by `make bench ROW=name`. Every number is a ratio (or a quantity) at
the medians of all rounds, and in brackets its range over single rounds. Both sides of a row ran in the same
rounds, each as a fresh process, one after the other or in turns of 50 updates. How it is done:
`benchmarks/README.md`. All samples: `benchmarks/results.json`.
"""


def record(outcome: Outcome, machine: Mapping[str, str]) -> Record:
    """An outcome as it is kept."""
    when = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
    return asdict(outcome) | {"measured": when, "machine": dict(machine)}


def load(path: Path = JSON) -> dict[str, Record]:
    """What was kept, by the row's name."""
    return json.loads(path.read_text()) if path.exists() else {}


def save(records: Mapping[str, Record], order: Sequence[str], path: Path = JSON) -> None:
    """Keep records, in the order of the rows, and write the tables beside them."""
    ordered = {name: records[name] for name in order if name in records}
    path.write_text(json.dumps(ordered, indent=1) + "\n")
    path.with_name(MARKDOWN.name).write_text(as_markdown(list(ordered.values())))


def quote(records: Mapping[str, Record], page: str) -> str:
    """The README with the medians and bars of `records` in place of those it quotes."""
    table = _table(_quoted([records[name] for name in QUOTED if name in records]))
    return QUOTE.sub(lambda _: f"{table}\n", page)


def as_markdown(records: Sequence[Record]) -> str:
    """The whole page: for each machine its description, the bars, and what each arm took."""
    parts = [HEADER]
    for hardware in dict.fromkeys(map(_hardware, records)):
        rows = [record for record in records if _hardware(record) == hardware]
        parts += ["\n".join(_machine(rows[0]["machine"])), _table(_bars(rows))]
        parts += ["\n".join(_explained(rows)), _table(_arms(rows))]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def as_text(outcomes: Sequence[Outcome]) -> str:
    """The bars of some outcomes, for the terminal."""
    rows = [asdict(outcome) | {"measured": "", "machine": {}} for outcome in outcomes]
    return _table(_bars(rows))


def _hardware(row: Record) -> str:
    return json.dumps({key: value for key, value in row["machine"].items() if key != "commit"})


def _machine(machine: Mapping[str, str]) -> Iterator[str]:
    yield from (f"- {key}: {value}" for key, value in machine.items() if key != "commit")


def _bars(rows: Sequence[Record]) -> Iterator[Sequence[str]]:
    yield "row", "work", "against", "what", "measured", "bar", "", "rounds", "code"
    for row in rows:
        tail = str(len(row["rounds"])), row["machine"].get("commit", "")
        for given in row["readings"]:
            reading = Reading(**given)
            verdict = "broken" if row["broken"] else "reached" if reading.reached else "**not reached**"
            yield (
                row["row"],
                row["work"],
                row["against"],
                reading.what,
                measured(reading),
                bar(reading),
                verdict,
                *tail,
            )
        for broken in row["broken"]:
            line = broken.strip().splitlines()[-1]
            yield row["row"], row["work"], row["against"], line, "", "", "**broken**", *tail


def _explained(rows: Sequence[Record]) -> Iterator[str]:
    """For bars that were not reached: what was tried, and what the profiles say."""
    for row in rows:
        tried = ROWS[row["row"]].tried if row["row"] in ROWS else ""
        if tried and not all(Reading(**given).reached for given in row["readings"]):
            yield f"- {row['row']}, not reached: {tried}"


def _quoted(rows: Sequence[Record]) -> Iterator[Sequence[str]]:
    yield "work", "against", "measured", "bar"
    for row in rows:
        reading = next(filter(bar, (Reading(**given) for given in row["readings"])))
        missed = "" if reading.reached and not row["broken"] else ", **not reached**"
        said = f"{reading.what}: {_number(reading.value)}{reading.unit}"
        yield row["work"], row["against"], said, bar(reading) + missed


def _arms(rows: Sequence[Record]) -> Iterator[Sequence[str]]:
    yield "row", "arm", "wall s", "CPU s", "peak MiB", "else"
    for row in rows:
        for name in row["rounds"][0] if row["rounds"] else ():
            samples = [given[name] for given in row["rounds"]]
            main = [_spread([sample[key] for sample in samples]) for key in ("wall", "cpu", "memory")]
            extra = [key for key in samples[0] if key not in ("wall", "cpu", "memory", "runs", "checksum")]
            yield row["row"], name, *main, ", ".join(_fact(key, samples) for key in extra)


def _fact(key: str, samples: Sequence[Mapping[str, float]]) -> str:
    return f"{key} {median(sample[key] for sample in samples):.4g}"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def measured(reading: Reading) -> str:
    """The value with its range over rounds."""
    low, high = min(reading.low, reading.value), max(reading.high, reading.value)
    return f"{_number(reading.value)}{reading.unit} ({_number(low)} to {_number(high)})"


def bar(reading: Reading) -> str:
    """What the value should be."""
    if isinf(reading.most):
        return "" if isinf(reading.least) else f"≥ {reading.least:g}{reading.unit}"
    if isinf(reading.least):
        return f"≤ {reading.most:g}{reading.unit}"
    return f"{reading.least:g} to {reading.most:g}{reading.unit}"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _table(rows: Iterator[Sequence[str]]) -> str:
    """A Markdown table whose columns are lined up, so that it can be read as it stands."""
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [head, ["-" * width for width in widths], *body]
    cells = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
