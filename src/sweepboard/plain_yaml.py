"""YAML of plain values (numbers, texts, lists, mappings), read safely and written to read back the same."""

from __future__ import annotations

from typing import Any

import yaml

# The C library where PyYAML was built with it: ten times faster, and as safe.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load(text: str) -> Any:
    """The value that `text` says. Raises ValueError or yaml.YAMLError where it is no YAML of plain values."""
    return yaml.load(text, Loader=_Loader)


def dump(value: Any) -> str:
    """`value` in block style, keys in their own order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text
