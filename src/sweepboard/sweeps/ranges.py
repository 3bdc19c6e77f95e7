"""Expand `range(...)` in decimal: Hydra 1.3 counts in binary and sorts some ranges wrongly.

In Hydra 1.3, `range(0.7,1,0.1)` has a fourth number, 0.9999999999999999, and `sort(range(1.3,0,-0.5))`, of
1.3, 0.8 and 0.3, is 0.5, 1.0 and 1.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import RangeSweep
from hydra.errors import HydraException

from sweepboard.compat.hydra import hydras_range, hydras_sort, value_of
from sweepboard.compose.overrides import create_functions
from sweepboard.errors import ConfigError


@dataclass
class DecimalRange(RangeSweep):
    """A range that is counted in decimal digits."""

    backwards: bool = False

    def range(self) -> Any:
        """Return the numbers in their order."""
        ends = (self.start, self.stop, self.step)
        start, stop, step = (Decimal(str(number)) for number in ends)
        if not step or not all(number.is_finite() for number in (start, stop, step)):
            raise HydraException(f"range({start},{stop},{step}) has no end")
        kind = int if all(isinstance(number, int) for number in ends) else float
        numbers = [kind(start + index * step) for index in range(max(0, math.ceil((stop - start) / step)))]
        return numbers[::-1] if self.backwards else numbers


def overrides_parser(loader: ConfigLoader | None = None) -> OverridesParser:
    """Return Hydra's parser of overrides with decimal ranges."""
    functions = create_functions()
    functions.functions |= {"range": _range, "sort": _sort}
    return OverridesParser(functions, loader)


def refuse_other_count(overrides: Sequence[str], sweeper: str) -> None:
    """Raise `ConfigError` for a range that has another number of values in a sweeper of Hydra's."""
    ours = overrides_parser().parse_overrides(list(overrides))
    hydras = OverridesParser.create().parse_overrides(list(overrides))
    for override, other in zip(ours, hydras, strict=True):
        counted, theirs = value_of(override), value_of(other)
        if not (isinstance(counted, DecimalRange) and isinstance(theirs, RangeSweep)):
            continue
        wanted, got = list(counted.range()), list(theirs.range())
        if len(wanted) != len(got):
            listed = ",".join(map(str, wanted))
            raise ConfigError(
                f"{override.input_line}: hydra/sweeper={sweeper} counts in binary to {len(got)} values; "
                f"type {override.key_or_group}={listed}"
            )


def _range(*arguments: Any) -> DecimalRange:
    hydras = hydras_range(*arguments)
    return DecimalRange(start=hydras.start, stop=hydras.stop, step=hydras.step)


def _sort(*arguments: Any, **keywords: Any) -> Any:
    [only] = arguments if len(arguments) == 1 else [keywords.get("sweep")]
    if not isinstance(only, DecimalRange):
        return hydras_sort(*arguments, **keywords)
    falls = (only.step < 0) != only.backwards
    return replace(only, backwards=only.backwards != (falls != keywords.get("reverse", False)), shuffle=False)
