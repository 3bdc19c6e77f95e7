"""How a setting is declared: a dataclass field with the rules for its value and the effect of changing it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from sweepboard.formatting import yaml_text

T = TypeVar("T")

Effect: TypeAlias = Literal["result", "length", "speed", "place", "logging"]
"""What follows from another value of a setting.

* `result`: other numbers, if only in their last bits;
* `length`: another end; the numbers up to there stay the same;
* `speed`: other time, memory, processes or moments of saving; no number changes;
* `place`: other folders, files or names; no number changes;
* `logging`: other things in the event files; no number changes.
"""

Condition: TypeAlias = Literal["evaluation", "arithmetic"]
"""What `sweepboard check` calls the kind of condition under which runs are compared."""

Plugin: TypeAlias = Literal["sweeper", "launcher"]

Number: TypeAlias = "int | float"

_METADATA = "setting"


@dataclass(frozen=True)
class Rules:
    """What is known of a setting beside its type, default and docstring."""

    effect: Effect

    choices: tuple[bool | str, ...] = ()
    """The values to choose from (null too, where the type allows it); a number is judged by its range."""

    pattern: str | None = None
    """A regular expression of further values, which look like one of the choices."""

    minimum: Number | None = None
    maximum: Number | None = None
    above: Number | None = None
    below: Number | None = None

    untrusted_maximum: Number | None = None
    """The largest value that is taken from someone else's run folder."""

    condition: Condition | None = None
    """Of which kind of condition the setting is one; None for what runs are compared over."""

    off: str | None = None
    """The value, as typed, with which a picture or text is not written; None for what is neither."""

    plugin: Plugin | None = None
    """The plug-in of Hydra that acts on the setting; another one than ours would not."""

    used: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether the setting has an effect beside the others of its group; None for always."""

    def problem(self, key: str, value: object) -> str | None:
        """Return what is wrong with `value`, which is of the right type, or None."""
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
        """The valid values in words: the choices, then the range."""
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
        """The numbers that are valid, in words; empty where any is."""
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
        raise ValueError(f"there are no words for the range of {self}")


def setting(default: T, effect: Effect, **rules: Any) -> T:
    """Return a dataclass field for a setting with this default; `rules` are the other fields of `Rules`."""
    metadata = {_METADATA: Rules(effect, **rules)}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)  # type: ignore[return-value]
    return field(default=default, metadata=metadata)


def rules_of(item: Field[Any]) -> Rules | None:
    """Return the rules of a dataclass field, None where it is no setting but a group of them."""
    return item.metadata.get(_METADATA)
