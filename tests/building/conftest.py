"""The fixtures that compose and prepare a configuration."""

from tests.preparing import mistake, module, prepare

__all__ = ["mistake", "module", "prepare"]
