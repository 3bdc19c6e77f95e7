"""Runs as tables of a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from sweepboard.analysis.column_texts import column_texts
from sweepboard.analysis.compare import compare
from sweepboard.analysis.differing_hparams import as_text, short_names
from sweepboard.analysis.metrics import spread
from sweepboard.analysis.run import Run
from sweepboard.formatting import duration, printable
from sweepboard.metric_names import UNKNOWN

MOST_ROWS = 100


def runs_html(runs: Sequence[Run]) -> str:
    """Return a table of runs, a row for each: what differs, metrics, time and status."""
    if not runs:
        return "<p>no runs</p>"
    found = compare(runs, each=True, sort="name")
    rows = found.rows[:MOST_ROWS]
    names = short_names(found.keys)
    columns = {"run": [row.name for row in rows]}
    columns |= {names[key]: [as_text(row.hparams.get(key, "")) for row in rows] for key in found.keys}
    columns["seed"] = [",".join(map(str, row.seeds)) for row in rows]
    for tag in found.shown:
        part = "last" if found.modes[tag] == UNKNOWN else "best"
        columns[f"{part} {tag}"] = column_texts([row.metric(tag, part) for row in rows])
    columns["time"] = [duration(row.seconds.mean) if row.seconds else "" for row in rows]
    columns["status"] = [row.status for row in rows]
    more = len(found.rows) - len(rows)
    return _table(list(columns), zip(*columns.values(), strict=True)) + (
        f"<p>and {more} more</p>" if more else ""
    )


def run_html(run: Run) -> str:
    """Return a table of one run: its state, hyperparameters and metrics."""
    rows = [
        ("status", run.status),
        ("folder", str(run.path)),
        ("seed", "" if run.seed is None else str(run.seed)),
    ]
    rows += [("time", duration(run.seconds))] if run.seconds is not None else []
    rows += [(key, as_text(value)) for key, value in run.hparams.items()]
    for tag, score in run.scores.items():
        [last] = column_texts([spread([score.last])])
        [best] = column_texts([spread([score.best])])
        where = f" at step {score.step}" if score.step is not None else ""
        rows.append((tag, f"{last or 'nan'}{f' (best {best}{where})' if best else ''}"))
    return _table([run.name, ""], rows)


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in headers)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(cell: str) -> str:
    return html.escape(printable(cell[:1000]))
