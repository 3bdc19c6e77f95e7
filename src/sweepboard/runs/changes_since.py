"""What is no longer as it was when a run was last trained: its data and its code."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sweepboard.compose.prepare import Prepared
from sweepboard.runs.differences import ABSENT, Difference
from sweepboard.runs.record import RunRecord
from sweepboard.runs.saved_run import SavedRun
from sweepboard.runs.source_digests import sources


def changed_data(record: RunRecord, prepared: Prepared) -> list[Difference]:
    """How the data differ from those that the run was trained on, as far as is known without reading."""
    then, now = record.latest("samples", record.samples), dict(prepared.source.sizes)
    found = [] if not then else _unequal(" samples", then, now)
    old, new = record.latest("classes", record.classes), list(prepared.source.spec.class_names)
    if old and new and old != new:
        found.append(Difference("classes", _only_in(old, new), _only_in(new, old), matters=True))
    return found


def changed_content(record: RunRecord, fingerprint: str) -> list[Difference]:
    """Whether the data that were read are others than those that the run was trained on."""
    then: str = record.latest("data_fingerprint", record.data_fingerprint)
    if not then or then == fingerprint:
        return []
    return [Difference("data", then[:12], fingerprint[:12], matters=True)]


def changed_code(saved: SavedRun, prepared: Prepared) -> list[Difference]:
    """The user's own modules that are not those that the run was trained with; none where none is known."""
    then = saved.record.latest("sources", saved.environment.get("sources"))
    if not isinstance(then, Mapping):
        return []
    return _unequal(" (code)", then, sources(prepared.config.values))


def accepted(
    record: RunRecord, prepared: Prepared, fingerprint: str, found: list[Difference]
) -> dict[str, Any]:
    """The entry of `RunRecord.changed` for differences that were accepted."""
    return {
        "when": time.time(),
        "step": record.step,
        "differences": [str(difference) for difference in found],
        "data_fingerprint": fingerprint,
        "samples": dict(prepared.source.sizes),
        "classes": list(prepared.source.spec.class_names),
        "sources": sources(prepared.config.values),
    }


def _unequal(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    names = dict.fromkeys([*then, *now])
    pairs = ((name, then.get(name, ABSENT), now.get(name, ABSENT)) for name in names)
    return [Difference(f"{name}{what}", old, new, matters=True) for name, old, new in pairs if old != new]


def _only_in(names: list[str], others: list[str]) -> str:
    """The names that are not among the others; where these are the same in another order, all."""
    shown = names if set(names) == set(others) else [name for name in names if name not in others]
    return ", ".join([*shown[:5], *(["..."] if len(shown) > 5 else [])]) or ABSENT
