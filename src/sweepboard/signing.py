"""Sign the runs of a user with a key that only this user has.

A configuration names Python objects to build, so another user's run folder must not be trusted. What decides
what is built (configuration, interpolations, groups, overrides) carries an HMAC-SHA256 under a random key in
the user's own state folder. A valid signature proves that this user's own command line named every target.

A signature is `<name of the key>:<HMAC>`. The name is not secret and proves nothing; it only shows that a run
was once the user's own and was changed since.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from enum import Enum
from pathlib import Path
from typing import Any

KEY_BYTES = 32


class Origin(Enum):
    """Where a signed content comes from. Only `OWN` is trusted."""

    OWN = "own"
    CHANGED = "changed"
    """The signature names this user's key but does not match: the content was changed since."""

    FOREIGN = "foreign"


def sign(content: bytes) -> str | None:
    """Return the signature of `content`; None if this user can keep no key (no home, a read-only one)."""
    key = _key()
    if key is None:
        return None
    return f"{_name(key)}:{hmac.new(key, content, hashlib.sha256).hexdigest()}"


def origin(content: bytes, signature: Any) -> Origin:
    """Return the origin of `content` by its `signature`; of several, separated by blanks, one is enough."""
    expected = sign(content) if isinstance(signature, str) and signature else None
    if expected is None:
        return Origin.FOREIGN
    given = signature.split()
    if any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
        return Origin.OWN
    name = expected.partition(":")[0]
    return Origin.CHANGED if any(one.startswith(f"{name}:") for one in given) else Origin.FOREIGN


def key_name() -> str:
    """Return the name of this user's key; empty if there is none."""
    key = _key()
    return "" if key is None else _name(key)


def why_no_key() -> str | None:
    """Return why this user's runs cannot be signed, and the remedy; None if there is a key."""
    if _key() is not None:
        return None
    try:
        place = f"in {_state_folder()}"
    except RuntimeError:
        place = "without a home"
    return (
        f"no signing key can be kept {place}, so that your own runs are taken for someone else's; set "
        "XDG_STATE_HOME to a folder that you can write"
    )


def is_own(content: bytes, signature: Any) -> bool:
    """Return whether `signature` of `content` is this user's own."""
    return origin(content, signature) is Origin.OWN


def as_bytes(*parts: Any) -> bytes:
    """Return plain values as bytes for signing: every difference in value, type or order shows."""
    return repr(parts).encode("utf-8", "surrogatepass")


def _name(key: bytes) -> str:
    return hashlib.sha256(b"sweepboard signing key\0" + key).hexdigest()[:16]


def _key() -> bytes | None:
    path = _state_folder() / "signing.key"
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None
    return key if len(key) == KEY_BYTES else None


def _make_key(path: Path) -> None:
    """Write a key atomically; of two concurrent processes, the first one's key is kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # private by its nature
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "sweepboard"
