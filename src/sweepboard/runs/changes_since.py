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
        found.append(Difference("classes", *_classes(old, new), matters=True))
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


def _classes(old: list[str], new: list[str]) -> tuple[str, str]:
    """Return what is said of the old and of the new classes: names that changed, or how many there are."""
    gone, added = ([name for name in old if name not in new], [name for name in new if name not in old])
    if bool(gone) == bool(added):  # some are renamed, or only the order differs
        return _shown(gone or old), _shown(added or new)
    change = f"{_shown(gone)} removed" if gone else f"{_shown(added)} added"
    return str(len(old)), f"{len(new)} ({change})"


def _shown(names: list[str]) -> str:
    return ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])
