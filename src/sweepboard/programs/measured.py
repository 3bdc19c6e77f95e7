"""What a training function has logged: the last and the best value of each tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from sweepboard.metric_names import UNKNOWN, VALIDATION, metric_tags, mode_of, name_of, words
from sweepboard.training.monitor import BestValue


@dataclass
class Measured:
    """The last and the best value of each tag.

    The tag by which runs are compared is `primary`; without it the names of the tags decide.
    """

    primary: str | None = None
    mode: str | None = None
    last: dict[str, float] = field(default_factory=dict)
    watches: dict[str, BestValue] = field(default_factory=dict)

    def see(self, tag: str, value: float, step: int) -> None:
        """Take in a value. Tags of unknown direction have no best value."""
        self.last[tag] = value
        mode = self.mode if tag == self.primary and self.mode else mode_of(tag)
        if mode != UNKNOWN:
            watch = self.watches.get(tag) or BestValue(cast(Literal["min", "max"], mode))
            self.watches[tag] = watch.seen(value, step)

    @property
    def primary_tag(self) -> str | None:
        """The tag by which runs are compared; None before a result was logged."""
        return self.primary or next(iter(metric_tags(self.last)), None)

    @property
    def results(self) -> dict[str, float]:
        """The last value of each tag that measures a result."""
        wanted = {*metric_tags(self.last), self.primary}
        return {tag: value for tag, value in self.last.items() if tag in wanted}

    @property
    def best(self) -> dict[str, BestValue]:
        """The best values on held-out data and that of the primary tag, by name (`name_of`)."""
        kept = [
            tag for tag in self.watches if tag == self.primary_tag or not VALIDATION.isdisjoint(words(tag))
        ]
        found = {name_of(tag): self.watches[tag] for tag in kept}
        return {name: watch for name, watch in found.items() if watch.best is not None}

    def state_dict(self) -> dict[str, Any]:
        """Return the values seen so far."""
        watches = {tag: (each.mode, each.best, each.at) for tag, each in self.watches.items()}
        return {"last": dict(self.last), "watches": watches}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned."""
        self.last = dict(state["last"])
        self.watches = {
            tag: BestValue(mode, best=best, at=at) for tag, (mode, best, at) in state["watches"].items()
        }
