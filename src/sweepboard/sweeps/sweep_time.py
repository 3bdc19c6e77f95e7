"""One moment for a whole sweep: `${now:...}` is the same in all its points, whenever it is taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from hydra.core import utils


@contextmanager
def now_is(moment: datetime) -> Iterator[None]:
    """Let `${now:...}` be this moment during the block."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            del tz
            return moment

    # Hydra registers its resolver anew with each of its compositions: what it asks for the time is kept.
    clock = vars(utils)
    clock["datetime"] = Then
    try:
        yield
    finally:
        clock["datetime"] = datetime
