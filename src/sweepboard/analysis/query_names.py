"""The names by which runs are filtered and sorted: fields, hyperparameters, and metrics with their parts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sweepboard.errors import nearest
from sweepboard.expressions import BadExpression

PARTS = ("best", "last", "step")
"""Values of a metric: `last(val/loss)`. A metric without a part means its best; `step` is where that was."""


@dataclass(frozen=True)
class QueryNames:
    """The valid names: fields of every run (`seed`, `status`, …), hyperparameters, metric tags."""

    fields: Collection[str]
    hparams: Collection[str]
    metrics: Collection[str]
    parts: Collection[str] = PARTS

    def key(self, name: str, part: str | None = None) -> str:
        """Return the full key for `name`; for a metric, that of one of its `PARTS`.

        A unique ending of a name is enough. Raise `BadExpression` with the nearest name, or with the
        candidates if the name is ambiguous.
        """
        for names in (self.fields, self.hparams):
            if found := _find(name, names):
                return found
        if found := _find(name, self.metrics):
            return metric_key(found, part or "best")
        raise BadExpression(f"no run has {name!r}{self._hint(name)}")

    def knows(self, name: str) -> bool:
        """Return whether `name` is one of the names or an ending of one."""
        return any(_find(name, names) for names in (self.fields, self.hparams, self.metrics))

    def _hint(self, name: str) -> str:
        names = sorted({*self.fields, *self.hparams, *self.metrics})
        ends = {_end(each): each for each in names}
        match = nearest(name, names) or ends.get(nearest(name, ends) or "")
        return f"; did you mean {match}?" if match else f"; there are: {', '.join(names)}"


def metric_key(tag: str, part: str) -> str:
    """Return the key of a part of a metric: `best(val/loss)`."""
    return f"{part}({tag})"


def _find(name: str, names: Collection[str]) -> str | None:
    if name in names:
        return name
    found = [each for each in names if each.endswith((f".{name}", f"/{name}"))]
    if len(found) > 1:
        raise BadExpression(f"{name!r} could be {' or '.join(sorted(found))}: type the whole name")
    return found[0] if found else None


def _end(name: str) -> str:
    return name.replace("/", ".").rpartition(".")[2]
