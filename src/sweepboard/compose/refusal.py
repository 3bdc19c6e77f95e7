"""The refusal of something that a foreign run, sweep or search asks for."""

from __future__ import annotations

from sweepboard.errors import UserError


class NotAllowed(UserError):
    """A target, or another value, of a foreign configuration that is refused."""
