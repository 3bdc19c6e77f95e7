"""Prepare a saved run to be built again, after a check of its origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sweepboard.building.prepare import Prepared
from sweepboard.compose.hydra_values import with_run_values
from sweepboard.compose.run_config import RunConfig
from sweepboard.compose.unused_settings import warn_of_unused
from sweepboard.errors import UserError
from sweepboard.runs.alteration import warn_of_alteration
from sweepboard.runs.lock import refuse_links
from sweepboard.runs.saved_run import SavedRun, needed_here, origin_of
from sweepboard.secrets import require_secrets
from sweepboard.signing import Origin
from sweepboard.trust.foreign_config import Trust, refuse_model


class ChangedSinceSigned(UserError):
    """A run of this user whose configuration was changed since it was signed."""


def placed_config(saved: SavedRun) -> RunConfig:
    """Return the saved configuration with the present paths of the run folder, which may have moved."""
    config = replace(saved.config, own=origin_of(saved) is Origin.OWN)
    return with_run_values(config, saved.folder.path, saved.record.number)


def prepare_saved(
    saved: SavedRun,
    overrides: Sequence[str] = (),
    allowed: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
    accept: bool = True,
    anew: bool = True,
) -> Prepared:
    """Return the saved configuration with `overrides`, checked like a new one.

    `allowed` are the names that the user trusts in a run of someone else. A run of this user that was changed
    since it was signed is refused unless `accept`, and then treated as someone else's. The weights that a
    run begins with are read only `anew`. Raise `NotAllowed`,
    `ChangedSinceSigned`, `LinkInFolder`, `MaskedSecret`, `ConfigError`.
    """
    origin = origin_of(saved)
    trust = Trust(origin is Origin.OWN, allowed, saved.folder.path)
    if not trust.own:
        refuse_links(saved.folder)
    config = trust.admitted(saved.config).with_overrides(overrides, config_dirs)
    require_secrets(config.values)
    with needed_here(saved):
        prepared = trust.prepare(config, keep_model=True, anew=anew)
    refuse_changed_since(origin, saved.folder.path, accept)
    warn_of_alteration(saved)
    warn_of_unused(prepared.config, overrides)
    return prepared


def refuse_foreign_model(saved: SavedRun, allowed: Sequence[str] = ()) -> None:
    """Raise `NotAllowed` or `LinkInFolder` if the model of someone else's run must not be built.

    Warn of a run that something else than sweepboard has changed.
    """
    if origin_of(saved) is not Origin.OWN:
        refuse_links(saved.folder)
        refuse_model(saved.config.values, allowed, saved.folder.path)
    warn_of_alteration(saved)


def refuse_changed_since(origin: Origin, folder: Path, accept: bool = False) -> None:
    """Raise `ChangedSinceSigned` for a configuration changed since it was signed, unless `accept`."""
    if origin is Origin.CHANGED and not accept:
        raise ChangedSinceSigned(
            f"{folder}: its configuration, interpolations, groups or overrides are not what you signed: they "
            "were changed since; put them back, or add --accept-changes"
        )
