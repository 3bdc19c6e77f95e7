"""Take `lr=0.1` for `optimizer.lr=0.1` where exactly one key of what was chosen ends so, and say it."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.compose.config_search import hydra_ready
from sweepboard.compose.option_names import is_group, with_names
from sweepboard.errors import UserError
from sweepboard.formatting import printable
from sweepboard.names import flatten
from sweepboard.settings import GROUPS, TOP_LEVEL, settings

if TYPE_CHECKING:
    from sweepboard.runs.saved_run import SavedRun
    from sweepboard.sweeps.folder import SweepFolder

_SHORT = re.compile(r"([a-z_]\w*)=.*", re.IGNORECASE | re.DOTALL)
_OPTIONS = re.compile(r"([\w/]+)=([\w.-]+(?:,[\w.-]+)*)")
_KNOWN = {*TOP_LEVEL, *GROUPS, "experiment", "hydra", "sweep"}
_OTHERS = ("facts.", "hydra.")


def with_whole_keys(overrides: Sequence[str], config_dirs: Sequence[Path], name: str) -> list[str]:
    """Return the overrides with whole keys; the configuration is composed only if one may be short."""
    if not any(map(_short_key, overrides)):
        return list(overrides)
    try:
        return whole(overrides, set(_known_keys(overrides, config_dirs, name)))
    except (UserError, HydraException, OmegaConfBaseException):
        return list(overrides)  # the words are invalid: composing them all reports why


def with_whole_keys_of(saved: SavedRun, overrides: Sequence[str]) -> list[str]:
    """Return overrides of a saved run with whole keys, of which its configuration tells."""
    return whole(overrides, {key for key, _ in flatten(saved.config.values)})


def with_whole_keys_of_sweep(folder: SweepFolder, overrides: Sequence[str]) -> list[str]:
    """Return overrides of a frozen sweep with whole keys; its jobs are read only if one may be short."""
    if not any(map(_short_key, overrides)):
        return list(overrides)
    from sweepboard.sweeps.plan_file import read_plan

    return whole(overrides, {key for job in read_plan(folder).jobs for key, _ in flatten(job.config.values)})


def whole(overrides: Sequence[str], keys: Collection[str]) -> list[str]:
    """Return the overrides with the whole of each key that is the ending of exactly one of `keys`."""
    return [_whole(override, keys) for override in overrides]


def _whole(override: str, keys: Collection[str]) -> str:
    key = _short_key(override)
    found = (
        [each for each in keys if each.endswith(f".{key}") and not each.startswith(_OTHERS)] if key else []
    )
    if len(found) != 1 or key in keys:
        return override
    taken = f"{found[0]}={override.partition('=')[2]}"
    print(f"{printable(override)}: taken as {printable(taken)}", file=sys.stderr)
    return taken


def _short_key(override: str) -> str | None:
    """Return the key of an override if it is one word and no setting or group of that name is known."""
    matched = _SHORT.fullmatch(override)
    return matched[1] if matched and matched[1] not in {*_KNOWN, *settings()} else None


def _known_keys(overrides: Sequence[str], config_dirs: Sequence[Path], name: str) -> Iterator[str]:
    """Yield the keys of the configuration with the chosen options, each of those that are swept."""
    with hydra_ready(config_dirs) as hydra:
        loader = hydra.config_loader
        found = [one for each in overrides if (one := _OPTIONS.fullmatch(each)) and is_group(one[1], loader)]
        chosen = {one[1]: one[2].split(",") for one in found}
        yield from chosen  # the name of a group is no short key
        for options in _choices(chosen):
            words = with_names([f"{group}={option}" for group, option in options.items()], loader)
            composed = OmegaConf.to_container(compose(name, words), resolve=False)
            assert isinstance(composed, dict)
            yield from (key for key, _ in flatten({str(key): value for key, value in composed.items()}))


def _choices(chosen: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """Yield the first option of every group, and then each other option in its place."""
    first = {group: options[0] for group, options in chosen.items()}
    yield first
    yield from ({**first, group: option} for group, options in chosen.items() for option in options[1:])
