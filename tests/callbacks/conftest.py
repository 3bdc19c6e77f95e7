"""The small world of `tests/training` for tests of callbacks."""

from tests.training.conftest import one_thread, world

__all__ = ["one_thread", "world"]
