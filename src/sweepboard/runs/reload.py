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
from sweepboard.compose.interpolations import check_links
from sweepboard.compose.prepare import Check, Prepared, prepare_plain
from sweepboard.compose.run_config import Recipe
from sweepboard.errors import UserError
from sweepboard.names import flatten
from sweepboard.runs.lock import refuse_links
from sweepboard.runs.saved_run import SavedRun, needed_here, origin_of
from sweepboard.runs.secrets import is_masked
from sweepboard.runs.signing import Origin, why_no_key
from sweepboard.settings import Config

log = logging.getLogger(__name__)


class MaskedSecret(UserError):
    """A saved value that was a secret and has to be given again."""


class ChangedSinceSigned(UserError):
    """A run of this user's own whose recipe is not what it was."""


@dataclass(frozen=True)
class Trust:
    """How far a saved run, or a job of a saved sweep, is believed."""

    own: bool
    """Whether it is this user's own, and nobody has changed it since."""

    allowed: Sequence[str] = ()
    """Names of packages and targets that the user trusts in one that is not."""

    folder: Path | None = None
    """Where one that is not may read files."""

    def recipe(
        self,
        config: Mapping[str, Any],
        links: Mapping[str, str],
        groups: Mapping[str, str],
        overrides: Sequence[str],
    ) -> Recipe:
        """The recipe to change and to build; where a foreign one wrote its results is left out."""
        templates = templates_of(links)
        check_links({key: other for key, other in links.items() if key not in templates})
        recipe = Recipe(dict(config), dict(links), dict(groups), list(overrides), own=self.own)
        if not self.own:
            recipe.config["output_root"] = recipe.typed["output_root"] = Config.output_root
            recipe.links.pop("output_root", None)
        return recipe

    def prepare(self, recipe: Recipe) -> Prepared:
        """Check the recipe like a new run's. What is resolved of a foreign one is looked at before anything
        that it names is imported; what was typed now is trusted. Raises `NotAllowed`, `ConfigError`."""
        check = None if self.own else self._check(recipe)
        if not self.own:
            _refuse_followers(recipe.links)
        prepared = prepare_plain(recipe.config, recipe.links, recipe.groups, recipe.overrides, check)
        return replace(prepared, own=self.own)

    def refuse(self, config: Mapping[str, Any]) -> None:
        """Refuse a configuration that is built as it stands. Raises `NotAllowed`."""
        if not self.own:
            recipe = self.recipe(config, {}, {}, [])
            self._check(recipe)(recipe.config, built=[])

    def _check(self, recipe: Recipe) -> Check:
        return partial(_refuse, allowed=self.allowed, typed=recipe.typed, folder=self.folder)


def _refuse_followers(links: Mapping[str, str]) -> None:
    """Refuse what follows the one setting that a foreign run has no say in. Raises `NotAllowed`."""
    for key, other in links.items():
        if other == "output_root":
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
    record, origin = saved.record, origin_of(saved)
    trust = Trust(origin is Origin.OWN, allowed, saved.folder.path)
    if not trust.own:
        refuse_links(saved.folder)
    recipe = trust.recipe(saved.config, record.links, record.groups, record.overrides)
    recipe = recipe.changed(overrides, config_dirs)
    require_secrets(recipe.config)
    with needed_here(saved):
        prepared = trust.prepare(recipe)
    refuse_changed_since(origin, saved.folder.path, accept)
    if origin is Origin.CHANGED:
        log.warning("%s was changed since you signed it, and is taken for someone else's", saved.folder)
    return prepared


def refuse_foreign_model(saved: SavedRun, allowed: Sequence[str] = ()) -> None:
    """Refuse to build the model alone of a run of someone else. Raises `NotAllowed`, `LinkInFolder`."""
    if origin_of(saved) is not Origin.OWN:
        refuse_links(saved.folder)
        with _told_of_the_key():
            refuse_untrusted_targets(saved.config, allowed)
        model = {"model": saved.config.get("model")}
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
            f"{folder}: its configuration, or the links, groups or overrides beside it, are not what you "
            "signed: they were changed since; put them back, or add --accept-changes"
        )


def require_secrets(config: Mapping[str, Any]) -> None:
    """Refuse a configuration in which a secret stands as it is written into files. Raises `MaskedSecret`."""
    for key, value in flatten(config):
        if is_masked(value):
            raise MaskedSecret(f"{key} was a secret and is in no file: give it again with {key}=...")
