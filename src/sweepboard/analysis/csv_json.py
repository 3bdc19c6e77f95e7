"""A comparison as CSV and as records for JSON."""

from __future__ import annotations

from typing import Any

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.metrics import Spread
from sweepboard.analysis.query_names import PARTS, metric_key
from sweepboard.analysis.table import Row
from sweepboard.spreadsheet import as_csv as table_as_csv


def as_csv(comparison: Comparison) -> str:
    """Return the table as CSV, with every metric in full precision.

    Columns of a metric are `best(val/loss)` and, with repeats, `best(val/loss) std`.
    """
    return table_as_csv([_flat(row, comparison) for row in comparison.rows])


def _flat(row: Row, comparison: Comparison) -> dict[str, Any]:
    record = {key: row.hparams.get(key) for key in comparison.keys}
    record |= {
        "runs": len(row.runs),
        "repeats": len(row.repeats),
        "seeds": " ".join(map(str, row.seeds)),
        "status": row.status,
    }
    record["seconds"] = row.seconds.mean if row.seconds else None
    for tag in comparison.tags:
        for part in PARTS:
            value = row.metric(tag, part)
            record[metric_key(tag, part)] = value.mean if value else None
            if any(len(each.runs) > 1 for each in comparison.rows):
                record[f"{metric_key(tag, part)} std"] = value.std if value else None
    return record | {"name": row.name}


def as_records(comparison: Comparison) -> list[dict[str, Any]]:
    """Return each row as plain values for JSON."""
    return [
        _record(row, label, comparison) for row, label in zip(comparison.rows, comparison.labels, strict=True)
    ]


def _record(row: Row, label: str, comparison: Comparison) -> dict[str, Any]:
    return {
        "label": label,
        "name": row.name,
        "differing": {key: row.hparams.get(key) for key in comparison.keys},
        "hparams": row.hparams,
        "status": row.status,
        "seconds": _plain(row.seconds),
        "metrics": {
            tag: {"mode": comparison.modes[tag]} | {part: _plain(row.metric(tag, part)) for part in PARTS}
            for tag in comparison.tags
            if any(tag in run.scores for run in row.runs)
        },
        "runs": [
            {"path": str(run.path), "name": run.name, "seed": run.seed, "status": run.status}
            | {"damage": run.damage}
            for run in row.runs
        ],
    }


def _plain(value: Spread | None) -> dict[str, float | int | None] | None:
    return None if value is None else {"mean": value.mean, "std": value.std, "n": value.n}
