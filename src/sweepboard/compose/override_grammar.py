"""Handle overrides that Hydra's grammar rejects: rewrite them, or say what to type instead."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from sweepboard.errors import ConfigError

_HOME = re.compile(r"(?<![^=,\[])~/[^,\]]*")
_UNQUOTED = re.compile(r"[\w./:-]+", re.ASCII)
_KNOWN = re.compile(r"[A-Za-z0-9_/\-\\+.$%*@?|:,\[\]{}()'\" \t]")
_LARGE = re.compile(r"(?<=[=,:(\[])\d+(?:\.\d*)?[eE]\d{3,}(?=[,)}\]]|$)")
_INDEX = re.compile(r"\[(\d+)\]")
_NESTED = re.compile(r"\$\{[^}]*\$\{")
_GLOB = re.compile(r"glob\(([^()'\"\\]+)\)")


def refuse_endless(override: str) -> None:
    """Raise `ConfigError` for a number that Hydra would read as infinity, such as the commit `695e0514`."""
    for text in _LARGE.findall(override):
        if math.isinf(float(text)):
            raise ConfigError(
                f"{override}: {text} is larger than every number; "
                f"""as a text it is quoted, 'key="{text}"', and infinity is inf"""
            )


def with_home(override: str) -> str:
    """Return the override with `~/` at the start of each value replaced by the home folder."""
    key, equals, value = override.partition("=")
    return f"{key}{equals}{_HOME.sub(_expanded, equals + value)[1:]}" if equals else override


def _expanded(found: re.Match[str]) -> str:
    path = str(Path(found[0]).expanduser())
    return path if _UNQUOTED.fullmatch(path) else quoted(path)


def quoted(text: str) -> str:
    """Return `text` as a quoted string of Hydra's override grammar."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unquoted(text: str) -> str:
    """Return the value of an override without the quotes of Hydra's grammar, if it has any."""
    quote = text[:1]
    if len(text) > 1 and quote in "'\"" and text.endswith(quote):
        return text[1:-1].replace(f"\\{quote}", quote).replace("\\\\", "\\")
    return text


def why_unreadable(override: str) -> str:
    """Return why Hydra cannot parse the override, with the corrected override quoted for a shell."""
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        return f"{override}: an override is written key=value"
    found = next(filter(None, (explain(key, value) for explain in _EXPLAIN)), None)
    return f"{override}: {found or _CLOSE}"


_CLOSE = """cannot be read; close every bracket, and quote special characters twice, as in 'key="a b, c"'"""


def _added_to_list(key: str, value: str) -> str | None:
    if not key.endswith("+"):
        return None
    return f"type {shlex.quote(f'{key[:-1]}=extend_list({_entries(value)})')} to add to a list"


def _blanks(key: str, value: str) -> str | None:
    if key == key.strip() and value == value.lstrip():
        return None
    return f"there are blanks around the =; type {_typed(key.strip(), value.strip())}"


def _second_equals(key: str, value: str) -> str | None:
    return f"has a second =; type {_typed(key, value[1:])}" if value.startswith("=") else None


def _index_in_brackets(key: str, value: str) -> str | None:
    if not _INDEX.search(key):
        return None
    dotted = _INDEX.sub(r".\1", key)
    return f"an entry of a list is named with a dot; type {_typed(dotted, value)}"


def _pattern_with_brackets(key: str, value: str) -> str | None:
    with_quotes = _GLOB.sub(r'glob("\1")', f"{key}={value}")
    if with_quotes == f"{key}={value}" or not _reads(with_quotes):
        return None
    return f"a pattern with brackets needs quotes; type {shlex.quote(with_quotes)}"


def _nested_interpolation(key: str, value: str) -> str | None:
    if not _NESTED.search(value) or not _reads(f'{key}="{value}"'):
        return None
    return f"""an interpolation in another needs quotes; type '{key}="{value}"'"""


def _equals_in_mapping(key: str, value: str) -> str | None:
    with_colons = value.replace("=", ":")
    if not value.startswith("{") or with_colons == value or not _reads(f"{key}={with_colons}"):
        return None
    return f"a mapping has colons; type {shlex.quote(f'{key}={with_colons}')}"


def _nothing_at_comma(key: str, value: str) -> str | None:
    values = [each.strip() for each in value.split(",")]
    kept = ",".join(filter(None, values))
    if all(values) or not kept or not _reads(f"{key}={kept}"):
        return None
    return f"a value is missing at a comma; type {shlex.quote(f'{key}={kept}')}"


def _special_sign(key: str, value: str) -> str | None:
    """Name the sign that needs quotes: an unknown one, or a quote within a text."""
    if not _reads(f"{key}={quoted(value)}", value):
        return None
    within = [sign for sign in value[1:-1] if sign in "'\"" and value.count(sign) % 2]
    unknown = [sign for sign in value if sign == "=" or not _KNOWN.match(sign)]
    sign = next(iter([*unknown, *(within if value[:1] not in "'\"" else [])]), None)
    return f"{sign} needs quotes; type {_typed(key, value)}" if sign else None


_EXPLAIN = (
    _added_to_list,
    _blanks,
    _second_equals,
    _index_in_brackets,
    _pattern_with_brackets,
    _nested_interpolation,
    _equals_in_mapping,
    _nothing_at_comma,
    _special_sign,
)
"""What is tried in turn to explain an override; each returns the end of a message, or None."""


def _entries(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _typed(key: str, value: str) -> str:
    """Return the override quoted for a shell and, if necessary, for Hydra's grammar."""
    if _reads(f"{key}={value}"):
        return shlex.quote(f"{key}={value}")
    if _reads(f"{key}={_list_with_quotes(value)}"):
        return shlex.quote(f"{key}={_list_with_quotes(value)}")
    twice = f'{key}="{value}"'
    return f"'{twice}'" if not set(value) & set("'\"\\") else shlex.quote(f"{key}={quoted(value)}")


def _list_with_quotes(value: str) -> str:
    """Return a list whose entries have quotes where they need them; anything else as it is."""
    if not (value.startswith("[") and value.endswith("]")) or set(value[1:-1]) & set("[]{}()'\"\\"):
        return value
    entries = [entry.strip() for entry in value[1:-1].split(",")]
    return "[" + ",".join(entry if _reads(f"x={entry}") else f'"{entry}"' for entry in entries) + "]"


def _reads(override: str, value: str | None = None) -> bool:
    try:
        found = OverridesParser.create().parse_override(override).value()
    except HydraException:
        return False
    return value is None or found == value
