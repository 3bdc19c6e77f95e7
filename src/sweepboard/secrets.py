"""Mask secrets in everything that is written: values under a key that names a secret, and their copies.

A secret is written as `***masked-1f2e3d4c***`. The digits are a hash under this user's own key: they tell
secrets apart, but nobody can guess a secret by trying values.
"""

from __future__ import annotations

import hashlib
import operator
import os
import re
import secrets
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from sweepboard.errors import UserError
from sweepboard.names import flatten
from sweepboard.secret_names import names_a_secret, secret_arguments
from sweepboard.signing import sign

_MASK = re.compile(r"\*\*\*(masked-[0-9a-f]{8})\*\*\*")
_SHORTEST = 4
"""A shorter secret is masked under its own key only, not elsewhere."""

_WITHOUT_KEY = secrets.token_bytes(32)  # where this user can keep none
_SCHEME = r"(?:(?:Bearer|Basic|Token|Digest)\s+)"
# `token: x`, `token=x`, `"token": "x y"`, `--token x`; an unquoted value ends at a blank, quote, comma, `&`,
# or at the brackets around it.
_ASSIGNED = re.compile(
    r"(?P<before>(?P<key>[\w.-]+)[\"']?\s*[=:]\s*|--(?P<flag>[\w-]+)\s+)"
    rf"(?:(?P<quote>[\"'])(?P<quoted>.*?)(?P=quote)|(?P<plain>{_SCHEME}?[^\s\"',&]+?)(?=[\])}}]*(?:[\s\"',&]|$)))",
    re.IGNORECASE,
)
_BARE = (
    re.compile(r"(?<=://)[^\s/?#:@]*:[^\s/?#]+(?=@)"),  # user:password@ of an address
    re.compile(r"(?<=://)[^\s/?#:@]{20,}(?=@)"),  # a token instead of them
    # The same without its beginning; but `image:tag@sha256:…` is none.
    re.compile(r"(?<![\w/:@.-])[\w.+-]+:[^\s:@/{}\"',]+(?=@(?!sha\d)[a-z][\w-]*(?:[.:/]|\s|$))", re.I),
    re.compile(r"(?<=[?&])(?:sig|signature|key|x-amz-[\w-]+)=[^\s&\"']+", re.IGNORECASE),
    re.compile(r"(?<=\bBearer )\s*[\w.~+/=-]{4,}"),
    # Tokens that tell by their beginning what they are.
    re.compile(r"\b(?:sk-[\w-]{20,}|gh[pousr]_\w{30,}|hf_\w{30,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}"
               r"|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"),
)  # fmt: skip
_NO_SECRETS = {"null", "none", "true", "false", "str", "int", "float", "bool", "any", "optional"}
_CONSTRUCTION = re.compile(r"_(target|convert|recursive|partial)_")

_remembered: set[str] = set()
"""Secrets of the configurations that this process has worked on."""


class MaskedSecret(UserError):
    """A secret, which is masked in files and must be typed again."""


def masked(value: Any) -> Any:
    """Return `value` (plain containers) without secrets; what has none in it is the same object.

    These are values under a key that names a secret, the same values elsewhere, and addresses with a login.
    Numbers and booleans are not secrets.
    """
    remember(value)
    return _masked(value, known_secrets())


def remember(value: Any) -> None:
    """Mask the secrets of a configuration in everything that this process writes from now on."""
    _remembered.update(found for found in _secrets(value, secret=False) if len(found) >= _SHORTEST)


def masked_text(text: str) -> str:
    """Return free text (a patch) with the values of secrets replaced."""
    return _masked_text(text, known_secrets())


def masked_overrides(overrides: Iterable[str], known: tuple[str, ...] | None = None) -> list[str]:
    """Return overrides with the values of secrets replaced; `known` are the `known_secrets`."""
    known = known_secrets() if known is None else known
    return [_masked_override(override, known) for override in overrides]


def overrides_for_names(config: Mapping[str, Any], overrides: Iterable[str]) -> list[str]:
    """Return overrides without secrets, for the name of a folder."""
    remember(config)
    return [readable(override) for override in masked_overrides(overrides)]


def masked_command(command: str) -> str:
    """Return a command line with the values of secrets replaced."""
    return shlex.join(masked_overrides(shlex.split(command)))


def without_known(text: str) -> str:
    """Return a message in which only the values of known secrets are replaced."""
    return _without(text, known_secrets())


def mask(value: str) -> str:
    """Return the text written in place of a secret, equal for equal secrets of this user."""
    content = b"secret\0" + value.encode("utf-8", "surrogatepass")
    signature = sign(content) or hashlib.blake2b(content, key=_WITHOUT_KEY).hexdigest()
    return f"***masked-{signature.rpartition(':')[2][:8]}***"


def is_masked(value: Any) -> bool:
    """Return whether a saved value, or a part of it, was a secret."""
    if isinstance(value, Mapping):
        return any(map(is_masked, value.values()))
    if isinstance(value, list):
        return any(map(is_masked, value))
    return isinstance(value, str) and bool(_MASK.search(value))


def require_secrets(values: Mapping[str, Any]) -> None:
    """Raise `MaskedSecret` for a secret in a configuration that is still masked."""
    for key, value in flatten(values):
        if is_masked(value):
            raise MaskedSecret(f"{key} was a secret and is in no file: give it again with {key}=...")


def readable(text: str) -> str:
    """Return `masked-1f2e3d4c`, for the name of a folder or a table."""
    return _MASK.sub(r"\1", text)


def known_secrets() -> tuple[str, ...]:
    """Return the secrets, the longest first: one may be a part of another."""
    return tuple(sorted(_remembered | set(_of_environment()), key=len, reverse=True))


def _of_environment() -> Iterator[str]:
    for name in filter(_is_secret_variable, os.environ):  # dozens of variables, of which few values are read
        value = os.environ[name]
        if len(value) >= 8 and "/" not in value[:1]:
            yield value


@cache
def _is_secret_variable(name: str) -> bool:
    return names_a_secret(name) and not re.search(r"PWD|AUTH|ASKPASS", name)  # folders and sockets


def _secrets(value: Any, secret: bool) -> Iterator[str]:
    """Yield every text under a secret's key in nested containers."""
    if isinstance(value, Mapping):
        positional = secret_arguments(value)
        for name, item in value.items():
            if _is_of_construction(str(name)):
                continue
            if name == "_args_" and isinstance(item, list):
                for number, each in enumerate(item):
                    yield from _secrets(each, secret or number in positional)
            else:
                yield from _secrets(item, secret or names_a_secret(str(name)))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, secret)
    elif secret and isinstance(value, str) and not _is_harmless(value):
        yield value


@cache
def _is_of_construction(name: str) -> bool:
    return _CONSTRUCTION.fullmatch(name) is not None


def _is_harmless(value: str) -> bool:
    return not value or bool(_MASK.search(value)) or value.startswith("${") or value.lower() in _NO_SECRETS


def _masked(value: Any, known: tuple[str, ...], secret: bool = False) -> Any:
    if isinstance(value, Mapping):
        safe = {
            name: item
            if _is_of_construction(str(name))
            else _masked(item, known, secret or names_a_secret(str(name)))
            for name, item in value.items()
        }
        unchanged = isinstance(value, dict) and all(safe[name] is item for name, item in value.items())
        return value if unchanged else safe
    if isinstance(value, list | tuple):
        items = [_masked(item, known, secret) for item in value]
        unchanged = isinstance(value, list) and all(map(operator.is_, items, value))
        return value if unchanged else items
    if not isinstance(value, str):
        return value
    if secret:
        return value if _is_harmless(value) else mask(value)
    safe_text = _masked_override(value, known)
    return value if safe_text == value else safe_text


@lru_cache(maxsize=4096)
def _masked_override(word: str, known: tuple[str, ...]) -> str:
    """Return an override with its value masked if its key names a secret.

    Jobs of a sweep have the same texts in most places.
    """
    key, equals, value = word.partition("=")
    simple = re.fullmatch(r"[+~]*[\w./@:-]+", key) is not None
    if equals and simple and names_a_secret(key) and not _is_harmless(value):
        return f"{key}={','.join(mask(one.strip(chr(39) + chr(34))) for one in value.split(','))}"
    return _masked_text(word, known)


def _masked_text(text: str, known: tuple[str, ...]) -> str:
    text = _ASSIGNED.sub(_mask_assigned, _without(text, known))
    for pattern in _BARE:
        text = pattern.sub(lambda found: found[0] if _MASK.search(found[0]) else mask(found[0]), text)
    return text


def _without(text: str, known: tuple[str, ...]) -> str:
    for value in known:
        if value in text:
            whole = rf"(?<!\w){re.escape(value)}(?!\w)"
            text = re.sub(whole, lambda found: mask(found[0]), text)
    return text


def _mask_assigned(found: re.Match[str]) -> str:
    value = found["plain"] or found["quoted"] or ""
    if _is_harmless(value) or not names_a_secret(found["key"] or found["flag"]):
        return found[0]
    quote = found["quote"] or ""
    return f"{found['before']}{quote}{mask(value)}{quote}"
