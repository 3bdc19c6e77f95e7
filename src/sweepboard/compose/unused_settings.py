"""Tell the user of settings that were typed and have no effect beside the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache

from sweepboard.compose.run_config import RunConfig
from sweepboard.hyperparameters import asked_for
from sweepboard.settings import settings, unused

log = logging.getLogger("sweepboard")


def warn_of_unused(config: RunConfig, overrides: Sequence[str]) -> None:
    """Log once for each key in `overrides` that has no effect: `weights.checkpoint` without a path."""
    if config.program:
        return
    typed = asked_for(config.values, overrides)
    for key in unused(config.values):
        if key in typed:
            _warn(key)


@cache
def _warn(key: str) -> None:
    log.warning("%s has no effect %s", key, settings()[key].rules.unused)
