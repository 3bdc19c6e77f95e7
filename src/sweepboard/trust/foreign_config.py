"""Decide how far the configuration of a saved run, sweep or search is trusted.

A configuration is foreign if this user did not save it, or if somebody changed it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sweepboard.building.prepare import Check, Prepared, prepare_resolved
from sweepboard.compose.hydra_values import templates_of
from sweepboard.compose.interpolations import check_interpolations
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import NotAllowed
from sweepboard.execution import Resources
from sweepboard.settings import Config
from sweepboard.signing import why_no_key
from sweepboard.trust.allowlist import refuse_untrusted, refuse_untrusted_targets

_ROOT = "output_root"


@dataclass(frozen=True)
class Trust:
    """How far a saved run, or a job of a saved sweep, is trusted."""

    own: bool
    """Whether this user saved it and nobody has changed it since."""

    allowed: Sequence[str] = ()
    """Packages and targets that a foreign configuration may also use."""

    folder: Path | None = None
    """The only folder in which a foreign configuration may read files."""

    def admitted(self, config: RunConfig) -> RunConfig:
        """Return `config` ready to be changed and built; a foreign one gets this user's `output_root`.

        Raise `ConfigError` for an interpolation that is neither another key nor a template.
        """
        templates = templates_of(config)
        followed = {key: other for key, other in config.interpolations.items() if key not in templates}
        check_interpolations(followed)
        if self.own:
            return replace(config, own=True)
        interpolations = {key: other for key, other in config.interpolations.items() if key != _ROOT}
        typed = {**config.typed, _ROOT: Config.output_root}
        placed = config.with_values(output_root=Config.output_root)
        return replace(placed, interpolations=interpolations, typed=typed, own=False)

    def prepare(
        self,
        config: RunConfig,
        keep_model: bool = False,
        anew: bool = True,
        resources: Resources | None = None,
    ) -> Prepared:
        """Return `config` checked like that of a new run. Raise `NotAllowed` or `ConfigError`.

        The other arguments are those of `prepare.prepare`. The resolved values of a foreign configuration are
        checked before any target is imported. Values that the user typed are trusted.
        """
        if self.own:
            return prepare_resolved(config, None, keep_model, anew, resources)
        _refuse_output_root(config.interpolations)
        return prepare_resolved(config, self._check(config), keep_model, anew, resources)

    def refuse(self, config: RunConfig) -> None:
        """Raise `NotAllowed` if `config`, which is to be built unchanged, must not be built."""
        if not self.own:
            admitted = self.admitted(replace(config, interpolations={}))
            self._check(admitted)(admitted.values, built=[])

    def _check(self, config: RunConfig) -> Check:
        return partial(_refuse, allowed=self.allowed, typed=config.typed, folder=self.folder)


def _refuse_output_root(interpolations: Mapping[str, str]) -> None:
    """Raise `NotAllowed` for a key that follows `output_root`, because a foreign run does not set it."""
    for key, other in interpolations.items():
        if other == _ROOT:
            raise NotAllowed(
                f"{key}: it follows output_root, which is yours and not what this run folder says it was; "
                f"type {key}=... to say it yourself"
            )


def refuse_model(values: Mapping[str, Any], allowed: Sequence[str], folder: Path) -> None:
    """Raise `NotAllowed` if the model of a foreign configuration must not be built."""
    with _with_key_hint():
        refuse_untrusted_targets(values, allowed)
    _refuse({"model": values.get("model")}, allowed=allowed, folder=folder, built=["model"])


def _refuse(config: Mapping[str, Any], *, built: Sequence[str], **limits: Any) -> None:
    with _with_key_hint():
        refuse_untrusted(config, built=built, **limits)


@contextmanager
def _with_key_hint() -> Iterator[None]:
    """Add to a refusal why no signing key can be stored: without one, the user's own runs are refused too."""
    try:
        yield
    except NotAllowed as error:
        if (why := why_no_key()) is None:
            raise
        raise NotAllowed(f"{error} ({why})") from error
