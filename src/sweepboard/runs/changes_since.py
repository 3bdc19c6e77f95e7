"""Find changes of data and code since a run was last trained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sweepboard.building.prepare import Prepared
from sweepboard.runs.differences import ABSENT, Difference
from sweepboard.runs.record import RunRecord
from sweepboard.runs.saved_run import SavedRun
from sweepboard.runs.user_modules import user_modules
from sweepboard.runs.weight_files import digests


def changed_data(record: RunRecord, prepared: Prepared) -> list[Difference]:
    """Return the changes of sizes and class names since training, found without reading the data."""
    then, now = record.latest("samples", record.samples), prepared.samples
    found = [] if not then else _unequal(" samples", then, now)
    old, new = record.latest("classes", record.classes), prepared.classes
    if old and new and old != new:
        found.append(Difference("classes", _only_in(old, new), _only_in(new, old), matters=True))
    return found


def changed_content(record: RunRecord, fingerprint: str) -> list[Difference]:
    """Return the difference between the fingerprint of the data and that of the training data."""
    then: str = record.latest("data_fingerprint", record.data_fingerprint)
    if not then or then == fingerprint:
        return []
    return [Difference("data", then[:12], fingerprint[:12], matters=True)]


def changed_code(saved: SavedRun, prepared: Prepared) -> list[Difference]:
    """Return the user's modules that changed since training; none if the run recorded none."""
    then = saved.record.latest("sources", saved.environment.get("sources"))
    if not isinstance(then, Mapping):
        return []
    return _unequal(" (code)", then, user_modules(prepared.config.training).digests)


def accepted(
    record: RunRecord, prepared: Prepared, fingerprint: str, found: list[Difference]
) -> dict[str, Any]:
    """Return the entry of `RunRecord.changed` for accepted differences."""
    return {
        "when": time.time(),
        "step": record.step,
        "differences": [str(difference) for difference in found],
        "data_fingerprint": fingerprint,
        "samples": prepared.samples,
        "classes": prepared.classes,
        "sources": user_modules(prepared.config.training).digests,
        "weights": record.latest("weights", record.weights) | digests(prepared),
    }


def _unequal(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    names = dict.fromkeys([*then, *now])
    pairs = ((name, then.get(name, ABSENT), now.get(name, ABSENT)) for name in names)
    return [Difference(f"{name}{what}", old, new, matters=True) for name, old, new in pairs if old != new]


def _only_in(names: list[str], others: list[str]) -> str:
    """Return the names that are not in `others`; all names if only the order differs."""
    shown = names if set(names) == set(others) else [name for name in names if name not in others]
    return ", ".join([*shown[:5], *(["..."] if len(shown) > 5 else [])]) or ABSENT
