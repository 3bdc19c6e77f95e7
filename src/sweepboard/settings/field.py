"""Declare a setting: a dataclass field with the rules for its value and the effect of a change."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from sweepboard.formatting import yaml_text

T = TypeVar("T")

Effect: TypeAlias = Literal["result", "rounding", "length", "speed", "place", "logging"]
"""The effect of changing a setting.

* `result`: the numbers change, if only in their last bits;
* `rounding`: the numbers change in their last bits, and a run may go on so;
* `length`: the run ends elsewhere; the numbers up to there stay the same;
* `speed`: time, memory, processes or moments of saving change, but no number;
* `place`: folders, files or names change, but no number;
* `logging`: the content of the event files changes, but no number.
"""

Condition: TypeAlias = Literal["evaluation", "arithmetic"]
"""The kind of condition under which `sweepboard check` compares runs."""

Plugin: TypeAlias = Literal["sweeper", "launcher"]

Number: TypeAlias = "int | float"

_METADATA = "setting"


@dataclass(frozen=True)
class Rules:
    """The rules of a setting, in addition to its type, default and docstring."""

    effect: Effect

    choices: tuple[bool | str, ...] = ()
    """The valid values (and null, if the type allows it); numbers are checked by their range."""

    pattern: str | None = None
    """A regular expression of further valid values, similar to the choices."""

    minimum: Number | None = None
    maximum: Number | None = None
    above: Number | None = None
    below: Number | None = None

    untrusted_maximum: Number | None = None
    """The largest value that is accepted from another user's run folder."""

    condition: Condition | None = None
    """The kind of condition; None for settings over which runs are compared."""

    off: str | None = None
    """The value, as typed, that turns a picture or text off; None for other settings."""

    items: type | None = None
    """The dataclass of the runner's keys in each mapping in a mapping; other keys are valid too."""

    plugin: Plugin | None = None
    """The plug-in of ours that uses the setting; third-party plug-ins ignore it."""

    used: Callable[[Mapping[str, Any]], bool] | None = None
    """Return whether the setting has an effect given the others of its group; None for always."""

    unused: str = ""
    """When it has none, as the end of a sentence: `without weights.path`."""

    changes_results: Callable[[Mapping[str, Any]], bool] | None = None
    """Return whether the setting changes results in a whole configuration, though `effect` is less."""

    def problem(self, key: str, value: object) -> str | None:
        """Return what is wrong with `value`, which has the right type, or None."""
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and self.range:
            return None if self._in_range(value) else f"{key}: must be {self.valid}, got {yaml_text(value)}"
        chosen = value if isinstance(value, list) else [value]
        if not self.choices or all(each in self.choices or self._matches(each) for each in chosen):
            return None
        return f"{key}={yaml_text(value)}: choose from {self.valid}"

    def _matches(self, value: object) -> bool:
        return self.pattern is not None and re.fullmatch(self.pattern, str(value)) is not None

    @property
    def valid(self) -> str:
        """Return the valid values as text: the choices, then the range."""
        return ", ".join([*map(yaml_text, self.choices), *([self.range] if self.range else [])])

    def _in_range(self, value: Number) -> bool:
        low, over, high, under = self.minimum, self.above, self.maximum, self.below
        return (
            math.isfinite(value)
            and (low is None or value >= low)
            and (over is None or value > over)
            and (high is None or value <= high)
            and (under is None or value < under)
        )

    @property
    def range(self) -> str:
        """Return the valid numbers as text; empty if all are valid."""
        match self.minimum, self.maximum, self.above, self.below:
            case None, None, None, None:
                return ""
            case low, None, None, None:
                return f"{low} or more"
            case low, high, None, None:
                return f"from {low} to {high}"
            case low, None, None, under:
                return f"at least {low} and less than {under}"
            case None, None, over, None:
                return f"a number above {over}"
        raise ValueError(f"no text for the range of {self}")


def setting(default: T, effect: Effect, **rules: Any) -> T:
    """Return a dataclass field for a setting with this default; `rules` are the other fields of `Rules`."""
    metadata = {_METADATA: Rules(effect, **rules)}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)  # type: ignore[return-value]
    return field(default=default, metadata=metadata)


def rules_of(item: Field[Any]) -> Rules | None:
    """Return the rules of a dataclass field; None for a group of settings."""
    return item.metadata.get(_METADATA)
