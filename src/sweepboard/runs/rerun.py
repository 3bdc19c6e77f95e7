"""Compare a rerun with the run that it repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sweepboard.building.prepare import Prepared
from sweepboard.runs.differences import Difference, between_environments, between_runs
from sweepboard.runs.saved_run import SavedRun
from sweepboard.runs.weight_files import changed_weights
from sweepboard.training.callback import Callback
from sweepboard.training.work import RunProgress


def differences(saved: SavedRun, prepared: Prepared, now: Mapping[str, Any]) -> list[Difference]:
    """Return how a rerun differs from its run: in settings, files of weights and the environment `now`."""
    settings = between_runs(saved.config, prepared.config)
    accepted = [
        Difference("the run itself", "as it began", change, matters=True)
        for change in saved.record.accepted_changes
    ]
    files = changed_weights(saved.record, prepared)
    return [*settings, *accepted, *files, *between_environments(saved.environment, now)]


def expectation(found: Sequence[Difference]) -> str:
    """Return one line that says whether the rerun should repeat the run bit by bit."""
    matter = [difference.key for difference in found if difference.matters]
    if not matter:
        return "the same numbers are expected, bit by bit"
    return f"other numbers are to be expected, because of {', '.join(matter)}"


class DataCheck(Callback):
    """Calls `tell` before the first update if the data differ from those of the `saved` run."""

    def __init__(self, saved: SavedRun, tell: Callable[[Difference], None]) -> None:
        self.then, self.tell = saved.record.data_fingerprint, tell

    def on_start(self, progress: RunProgress) -> None:
        now = progress.fingerprint
        if self.then and now != self.then:
            self.tell(Difference("data", self.then[:12], now[:12], matters=True))
