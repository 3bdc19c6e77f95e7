"""A saved run made ready to be built again, after its origin has been looked at."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sweepboard.compose.allowlist import NotAllowed, refuse_untrusted, refuse_untrusted_targets
from sweepboard.compose.hydra_values import templates_of
from sweepboard.compose.interpolations import check_interpolations
from sweepboard.compose.prepare import Check, Prepared, prepare_resolved
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError
from sweepboard.names import flatten
from sweepboard.runs.lock import refuse_links
from sweepboard.runs.saved_run import SavedRun, needed_here, origin_of
from sweepboard.secrets import is_masked
from sweepboard.settings import Config
from sweepboard.signing import Origin, why_no_key

log = logging.getLogger(__name__)

_ROOT = "output_root"


class MaskedSecret(UserError):
    """A saved value that was a secret and has to be given again."""


class ChangedSinceSigned(UserError):
    """A run of this user's own whose configuration is not what was signed."""


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


def prepare_saved(
    saved: SavedRun,
    overrides: Sequence[str] = (),
    allowed: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
    accept: bool = True,
) -> Prepared:
    """The saved configuration with overrides applied and checked like a new one.

    `allowed` are the names that the user trusts in a run that is not their own. One of their own that was
    changed since is refused unless they `accept` it, and then taken for someone else's. Raises `NotAllowed`,
    `ChangedSinceSigned`, `LinkInFolder`, `MaskedSecret`, `ConfigError`.
    """
    origin = origin_of(saved)
    trust = Trust(origin is Origin.OWN, allowed, saved.folder.path)
    if not trust.own:
        refuse_links(saved.folder)
    config = trust.admitted(saved.config).with_overrides(overrides, config_dirs)
    require_secrets(config)
    with needed_here(saved):
        prepared = trust.prepare(config)
    refuse_changed_since(origin, saved.folder.path, accept)
    if origin is Origin.CHANGED:
        log.warning("%s was changed since you signed it, and is taken for someone else's", saved.folder)
    return prepared


def refuse_foreign_model(saved: SavedRun, allowed: Sequence[str] = ()) -> None:
    """Refuse to build the model alone of a run of someone else. Raises `NotAllowed`, `LinkInFolder`."""
    if origin_of(saved) is not Origin.OWN:
        refuse_links(saved.folder)
        with _told_of_the_key():
            refuse_untrusted_targets(saved.config.values, allowed)
        model = {"model": saved.config.values.get("model")}
        _refuse(model, allowed=allowed, folder=saved.folder.path, built=["model"])


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


def refuse_changed_since(origin: Origin, folder: Path, accept: bool = False) -> None:
    """Refuse to go on with what was this user's own and was changed since, unless they `accept`
    that. Raises `ChangedSinceSigned`."""
    if origin is Origin.CHANGED and not accept:
        raise ChangedSinceSigned(
            f"{folder}: its configuration, interpolations, groups or overrides are not what you signed: they "
            "were changed since; put them back, or add --accept-changes"
        )


def require_secrets(config: RunConfig) -> None:
    """Raise `MaskedSecret` for a secret that is masked, as it is in files."""
    for key, value in flatten(config.values):
        if is_masked(value):
            raise MaskedSecret(f"{key} was a secret and is in no file: give it again with {key}=...")
