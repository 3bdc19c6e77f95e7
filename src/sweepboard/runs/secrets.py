"""Values that must not reach a file: whatever stands under a key that names a secret."""

from __future__ import annotations

import re
from typing import Any

MASK = "***masked***"

_NAMES = re.compile(r"token|secret|passw(or)?d|api_?key|credential|private_?key|access_?key", re.IGNORECASE)
# `token: x`, `token=x`, `"token": "x"`, `--token x` in free text; the value ends at a blank, quote or comma.
_ASSIGNED = re.compile(
    rf"(?P<key>[\w.-]*(?:{_NAMES.pattern})[\w.-]*[\"']?\s*[=:]\s*[\"']?|--[\w-]*(?:{_NAMES.pattern})[\w-]*\s+)"
    r"(?P<value>[^\s\"',]+)",
    re.IGNORECASE,
)
# user:password@ of an address
_IN_ADDRESS = re.compile(r"(?P<before>\w+://[^/\s:@]+:)[^/\s@]+(?=@)")


def names_a_secret(key: str) -> bool:
    """Whether the last part of a dotted key says that its value is secret (`tokenizer` does not)."""
    word = key.rpartition(".")[2]
    return bool(_NAMES.search(word)) and not re.search(
        r"tokeni[sz]er|tokens|n_token|num_token|token_dim", word, re.IGNORECASE
    )


def masked(value: Any, key: str = "") -> Any:
    """`value` (plain containers) with every non-empty string under a secret's key replaced by `MASK`."""
    if isinstance(value, dict):
        return {name: masked(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item, key) for item in value]
    return MASK if isinstance(value, str) and value and names_a_secret(key) else value


def masked_text(text: str) -> str:
    """Free text (a command, a patch) with the values of secrets replaced."""
    text = _ASSIGNED.sub(
        lambda found: found["key"] + MASK if names_a_secret(_word(found["key"])) else found[0], text
    )
    return _IN_ADDRESS.sub(lambda found: found["before"] + MASK, text)


def _word(key: str) -> str:
    return key.strip(" \t\"'=:-")
