"""Whose run is this? A signature by a key that only this user has.

A configuration names Python objects to build, so a run folder from someone else must not be believed. The
runs of this user carry an HMAC-SHA256 of their config.yaml under a random key in the user's own state
folder: where it fits, the user's own command line once named every target in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

KEY_BYTES = 32


def sign(content: bytes) -> str | None:
    """The signature of `content`; None where this user can keep no key (no home, a read-only one)."""
    key = _key()
    return hmac.new(key, content, hashlib.sha256).hexdigest() if key is not None else None


def is_own(content: bytes, signature: str | None) -> bool:
    """Whether `signature` is this user's own of `content`."""
    expected = sign(content) if signature else None
    return expected is not None and signature is not None and hmac.compare_digest(expected, signature)


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
    """Write a key whole or not at all; of two processes that do so at once, the first one's stands."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # private by its nature
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "sweepboard"
