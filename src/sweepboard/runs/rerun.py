"""Compare a rerun with the run that it repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sweepboard.building.prepare import Prepared
from sweepboard.formatting import some
from sweepboard.runs.differences import Difference, between_environments, between_runs
from sweepboard.runs.saved_run import SavedRun
from sweepboard.runs.weight_files import changed_weights
from sweepboard.training.callback import Callback
from sweepboard.training.work import RunProgress

_PERHAPS = ("packages.", "python.")
"""How the keys begin of what may change results: only a run that uses them knows."""


def differences(saved: SavedRun, prepared: Prepared, now: Mapping[str, Any]) -> list[Difference]:
    """Return how a rerun differs from its run: in settings, files of weights and the environment `now`."""
    settings = between_runs(saved.config, prepared.config)
    accepted = [
        Difference("the run itself", "as it began", change, matters=True)
        for change in saved.record.accepted_changes
    ]
    files = changed_weights(saved.record, prepared)
    around = between_environments(saved.environment, now) if saved.environment else []
    return [*settings, *accepted, *files, *around]


def expectation(found: Sequence[Difference], hidden: Sequence[str] = ()) -> str:
    """Return one line that says whether the rerun should repeat the run bit by bit, if that can be known."""
    matter = [difference.key for difference in found if difference.matters]
    if matter:
        return f"other numbers are to be expected, because of {', '.join(matter)}"
    if hidden:
        return f"whether the numbers will be the same cannot be known: {'; '.join(hidden)}"
    perhaps = [difference.key for difference in found if difference.key.startswith(_PERHAPS)]
    unless = f", unless they depend on {some(perhaps)}" if perhaps else ""
    return f"the same numbers are expected, bit by bit{unless}"


def unknown(saved: SavedRun, now: Mapping[str, Any]) -> list[str]:
    """Return what the numbers may depend on and no record tells of, each in a few words."""
    if not saved.environment:
        return ["there is no environment.json to tell code and packages"]
    hidden = {*(saved.environment.get("unknown_code") or ()), *now["unknown_code"]}
    code = [f"no file tells the code of {some(sorted(hidden))}"] if hidden else []
    data = [] if saved.record.data_fingerprint else ["no fingerprint tells the data"]
    return [*code, *data]


class DataCheck(Callback):
    """Calls `tell` before the first update if the data differ from those of the `saved` run."""

    def __init__(self, saved: SavedRun, tell: Callable[[Difference], None]) -> None:
        self.then, self.tell = saved.record.data_fingerprint, tell

    def on_start(self, progress: RunProgress) -> None:
        now = progress.fingerprint
        if self.then and now != self.then:
            self.tell(Difference("data", self.then[:12], now[:12], matters=True))
