"""How far the configuration of a saved run, sweep or search is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sweepboard.compose.hydra_values import templates_of
from sweepboard.compose.interpolations import check_interpolations
from sweepboard.compose.prepare import Check, Prepared, prepare_resolved
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import NotAllowed
from sweepboard.settings import Config
from sweepboard.signing import why_no_key
from sweepboard.trust.allowlist import refuse_untrusted, refuse_untrusted_targets

_ROOT = "output_root"


@dataclass(frozen=True)
class Trust:
    """How far a saved run, or a job of a saved sweep, is believed."""

    own: bool
    """Whether it is this user's own, and nobody has changed it since."""

    allowed: Sequence[str] = ()
    """Names of packages and targets that the user trusts in one that is not."""

    folder: Path | None = None
    """Where one that is not may read files."""

    def admitted(self, config: RunConfig) -> RunConfig:
        """Return `config` to be changed and built; the results of a foreign one go where this user's go.

        Raise `ConfigError` for an interpolation that is neither another key nor a template.
        """
        templates = templates_of(config.interpolations)
        followed = {key: other for key, other in config.interpolations.items() if key not in templates}
        check_interpolations(followed)
        if self.own:
            return replace(config, own=True)
        interpolations = {key: other for key, other in config.interpolations.items() if key != _ROOT}
        typed = {**config.typed, _ROOT: Config.output_root}
        placed = config.with_values(output_root=Config.output_root)
        return replace(placed, interpolations=interpolations, typed=typed, own=False)

    def prepare(self, config: RunConfig) -> Prepared:
        """Check `config` like a new run's. The resolved values of a foreign one are checked before anything
        that they name is imported; what was typed now is trusted. Raise `NotAllowed`, `ConfigError`."""
        if self.own:
            return prepare_resolved(config)
        _refuse_followers(config.interpolations)
        return prepare_resolved(config, self._check(config))

    def refuse(self, config: RunConfig) -> None:
        """Raise `NotAllowed` for a configuration that will be built as it stands and must not be."""
        if not self.own:
            admitted = self.admitted(replace(config, interpolations={}))
            self._check(admitted)(admitted.values, built=[])

    def _check(self, config: RunConfig) -> Check:
        return partial(_refuse, allowed=self.allowed, typed=config.typed, folder=self.folder)


def _refuse_followers(interpolations: Mapping[str, str]) -> None:
    """Raise `NotAllowed` for a key that follows `output_root`, which a foreign run does not decide."""
    for key, other in interpolations.items():
        if other == _ROOT:
            raise NotAllowed(
                f"{key}: it follows output_root, which is yours and not what this run folder says it was; "
                f"type {key}=... to say it yourself"
            )


def refuse_model(values: Mapping[str, Any], allowed: Sequence[str], folder: Path) -> None:
    """Raise `NotAllowed` for a foreign configuration whose model alone is to be built."""
    with _told_of_the_key():
        refuse_untrusted_targets(values, allowed)
    _refuse({"model": values.get("model")}, allowed=allowed, folder=folder, built=["model"])


def _refuse(config: Mapping[str, Any], *, built: Sequence[str], **limits: Any) -> None:
    with _told_of_the_key():
        refuse_untrusted(config, built=built, **limits)


@contextmanager
def _told_of_the_key() -> Iterator[None]:
    """Say beside a refusal that this user's own runs are refused too, where no signing key can be kept."""
    try:
        yield
    except NotAllowed as error:
        if (why := why_no_key()) is None:
            raise
        raise NotAllowed(f"{error} ({why})") from error
