"""A saved run made ready to be built again, after its origin has been looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweepboard.compose.change import Recipe
from sweepboard.compose.prepare import Prepared, prepare_plain
from sweepboard.compose.trust import refuse_untrusted
from sweepboard.errors import UserError
from sweepboard.lifecycle.saved import SavedRun, origin_of
from sweepboard.lifecycle.secrets import MASK
from sweepboard.lifecycle.signature import Origin
from sweepboard.names import flatten


class MaskedSecret(UserError):
    """A saved value that was a secret and has to be given again."""


class ChangedSinceSigned(UserError):
    """A run of this user's own whose recipe is not what it was."""


def prepare_saved(
    saved: SavedRun,
    overrides: Sequence[str] = (),
    allowed: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
) -> Prepared:
    """The saved configuration with overrides applied and checked like a new one.

    Where the run is not this user's own, its targets are looked at before any is imported (`allowed` are the
    names that the user trusts); what is typed now is trusted as in a new run. Raises `NotAllowed`,
    `MaskedSecret`, `ConfigError`.
    """
    own = refuse_foreign(saved, overrides, allowed)
    record = saved.record
    recipe = Recipe(saved.config, record.links, record.groups, record.overrides)
    recipe = recipe.changed(overrides, config_dirs)
    _require_secrets(recipe)
    return replace(prepare_plain(recipe.config, recipe.links, recipe.groups, recipe.overrides), own=own)


def refuse_foreign(saved: SavedRun, overrides: Sequence[str] = (), allowed: Sequence[str] = ()) -> bool:
    """Refuse a run of someone else that names what is no part of an experiment; returns whether the run is
    this user's own. Raises `NotAllowed`."""
    if origin_of(saved) is Origin.OWN:
        return True
    typed = [word.lstrip("+~").partition("=")[0] for word in overrides]
    refuse_untrusted(_without(saved.config, typed), allowed)
    return False


def refuse_changed(saved: SavedRun) -> None:
    """Refuse to take up a run that was this user's own and was changed since. Raises `ChangedSinceSigned`."""
    if origin_of(saved) is Origin.CHANGED:
        raise ChangedSinceSigned(
            f"{saved.folder}: config.yaml, or the links, groups or overrides in run.json, are not what you "
            "signed when this run was made: put them back, or add --accept-changes"
        )


def _without(config: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """`config` without the keys that are typed anew, and all below them."""
    plain = dict(config)
    for key in keys:
        name, _, rest = key.partition(".")
        if not rest:
            plain.pop(name, None)
        elif isinstance(plain.get(name), Mapping):
            plain[name] = _without(plain[name], [rest])
    return plain


def _require_secrets(recipe: Recipe) -> None:
    for key, value in flatten(recipe.config):
        if value == MASK:
            raise MaskedSecret(
                f"{key} was a secret and is not in the run folder: give it again with {key}=..."
            )
