"""What a user may call the things in a table of runs, and which of them a word means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sweepboard.errors import UserError, nearest

PARTS = ("best", "last", "step")
"""What can be asked of a metric: `last(val/loss)`. A bare metric means its best; `step` is where that was."""


class BadExpression(UserError):
    """A `--where` or `--sort` that cannot be read, or names what no run has."""


@dataclass(frozen=True)
class Words:
    """The names that may be used: fields of every run (`seed`, `status`, …), hyperparameters, metric tags."""

    fields: Collection[str]
    hparams: Collection[str]
    metrics: Collection[str]

    def key(self, word: str, part: str = "best") -> str:
        """The key that `word` stands for; of a metric, that of one of its `PARTS`.

        The end of a name is enough where only one name ends so. Raises `BadExpression` with the nearest name,
        or with the names among which to choose.
        """
        for names in (self.fields, self.hparams):
            if found := _find(word, names):
                return found
        if found := _find(word, self.metrics):
            return metric_key(found, part)
        raise BadExpression(f"no run has {word!r}{self._hint(word)}")

    def knows(self, word: str) -> bool:
        """Whether `word` is one of the names or the end of one."""
        return any(_find(word, names) for names in (self.fields, self.hparams, self.metrics))

    def _hint(self, word: str) -> str:
        names = sorted({*self.fields, *self.hparams, *self.metrics})
        ends = {_end(name): name for name in names}
        match = nearest(word, names) or ends.get(nearest(word, ends) or "")
        return f"; did you mean {match}?" if match else f"; there are: {', '.join(names)}"


def metric_key(tag: str, part: str) -> str:
    """The key of a part of a metric: `best(val/loss)`."""
    return f"{part}({tag})"


def _find(word: str, names: Collection[str]) -> str | None:
    if word in names:
        return word
    found = [name for name in names if name.endswith((f".{word}", f"/{word}"))]
    if len(found) > 1:
        raise BadExpression(f"{word!r} could be {' or '.join(sorted(found))}: type the whole name")
    return found[0] if found else None


def _end(name: str) -> str:
    return name.replace("/", ".").rpartition(".")[2]
