"""Values that must not reach a file: whatever stands under a key that names a secret."""

from __future__ import annotations

import re
from typing import Any

MASK = "***masked***"

_NAMES = re.compile(r"token|secret|passw(or)?d|api_?key|credential|private_?key|access_?key", re.IGNORECASE)
# Names of the field that only contain such a word.
_HARMLESS = re.compile(r"tokeni[sz]er|tokens|num_token|token_dim|token_length|token_id", re.IGNORECASE)
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
    return bool(_NAMES.search(word)) and not _HARMLESS.search(word)


def masked(value: Any, key: str = "") -> Any:
    """`value` (plain containers) with every non-empty string under a secret's key replaced by `MASK`."""
    if isinstance(value, dict):
        return {name: masked(item, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item, key) for item in value]
    return MASK if isinstance(value, str) and value and names_a_secret(key) else value


def masked_text(text: str) -> str:
    """Free text (a command, a patch) with the values of secrets replaced."""
    return _IN_ADDRESS.sub(r"\g<before>" + MASK, _ASSIGNED.sub(_mask_value, text))


def _mask_value(found: re.Match[str]) -> str:
    secret = names_a_secret(found["key"].strip(" \t\"'=:-"))
    return found["key"] + MASK if secret else found[0]
