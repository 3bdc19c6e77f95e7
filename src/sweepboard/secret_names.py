"""Decide which names are those of secrets: `api_key` is one, `tokenizer` and `max_tokens` are not."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET = {
    "token", "tokens", "secret", "secrets", "password", "passwords", "passwd", "passphrase", "pwd", "pw",
    "apikey", "apikeys", "accesskey", "privatekey", "secretkey", "authtoken",
    "credential", "credentials", "creds", "auth", "authorization", "bearer", "cookie", "cookies",
}  # fmt: skip
_KEYS = {
    "api", "access", "private", "secret", "ssh", "encryption", "license", "signing", "auth", "account",
    "service", "shared", "master", "storage", "client", "subscription", "wandb", "openai", "neptune",
    "comet", "hf",
}  # fmt: skip
"""Words before `key` that make it a secret; a key alone is mostly a key of a mapping."""

_ABOUT = {
    "length", "len", "dim", "dims", "size", "count", "type", "kind", "method", "mode", "name", "file", "path",
    "dir", "folder", "env", "var", "variable", "timeout", "expiry", "ttl", "required", "enabled", "policy",
}  # fmt: skip
"""Last words of names that describe a secret but are not one."""

_OF_TEXT = {
    "num", "n", "max", "min", "pad", "eos", "bos", "unk", "cls", "sep", "mask", "special", "per", "id", "ids",
    "embed", "embedding", "embeddings", "drop", "dropout", "mixer", "mixing", "merge", "merging", "prune",
    "level", "index", "position", "positions", "vocab", "start", "end", "begin", "separator", "limit",
    "budget", "pool", "pooling", "extra", "added", "additional", "stop", "image", "text", "register", "class",
    "distillation", "new", "prompt", "input", "output", "context", "total", "first", "last", "shift",
    "labels",
}  # fmt: skip
"""Words next to `token` in names of language models and transformers."""


@cache
def names_a_secret(key: str) -> bool:
    """Return whether the last part of a dotted key names a secret."""
    last = re.split(r"[./@:]", key.strip().lstrip("+~"))[-1]
    words = [word.lower() for word in _WORDS.findall(last)]
    if not words or words[-1] in _ABOUT:
        return False
    if words == ["pass"]:
        return True
    if any(first in _KEYS and then in ("key", "keys") for first, then in pairwise(words)):
        return True
    found = _SECRET.intersection(words)
    return bool(found - {"token", "tokens"}) or bool(found and not _OF_TEXT.intersection(words))


def secret_arguments(node: Mapping[str, Any]) -> set[int]:
    """Return which `_args_` of a node are secrets, by the parameter names of its class.

    Only a class that is already imported is inspected; nothing is imported here.
    """
    if "_args_" not in node or "_target_" not in node:
        return set()
    module, _, name = str(node["_target_"]).rpartition(".")
    try:
        parameters = inspect.signature(getattr(sys.modules.get(module), name)).parameters
    except (AttributeError, TypeError, ValueError):
        return set()
    return {number for number, each in enumerate(parameters) if names_a_secret(each)}
