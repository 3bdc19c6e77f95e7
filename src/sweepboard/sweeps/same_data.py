"""Check that all jobs of a sweep with the same data set read the same content."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sweepboard.compose.plain_types import check_plain
from sweepboard.errors import reason
from sweepboard.files import alone_in, from_here, read_json, write_json, writing
from sweepboard.runs.resume import Changed
from sweepboard.secrets import masked
from sweepboard.settings import DatasetSettings
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan_file import DamagedSweep

log = logging.getLogger(__name__)


def refuse_other_content(
    sweep: SweepFolder,
    config: Mapping[str, Any],
    content: str,
    sizes: Mapping[str, int],
    accept: bool = False,
) -> None:
    """Raise `Changed` if the content differs from that of earlier jobs, unless `accept`.

    `content` is a digest. For a data set without one, which is empty, the number of samples in each split
    stands for it. The first content of a data set is written to the sweep's data.json, and so is one that is
    accepted.
    """
    if not (content or sizes):  # those of a training function are not known
        return
    key = _data_set(config["dataset"], split=not content)
    content = content or ", ".join(f"{size} {name}" for name, size in sizes.items())
    known = _known(sweep).get(key, [])
    first = known[0] if content in known else _recorded(sweep, key, content, accept)
    if content != first:
        log.warning("begins with other data than the jobs before it: %s", _difference(first, content))


def _recorded(sweep: SweepFolder, key: str, content: str, accept: bool) -> str:
    """Record the content of a data set. Return the content that was recorded first."""
    with writing(sweep.data):
        sweep.data.parent.mkdir(exist_ok=True)
    with writing(sweep.data), alone_in(sweep.data.parent):  # jobs start at the same time
        known = _known(sweep)
        before = known.setdefault(key, [])
        if content not in before:
            if before and not accept:
                command = f"sweepboard resume {from_here(sweep.path)} --accept-changes"
                raise Changed(
                    f"{_difference(before[0], content)}: not what the jobs before it began with; put that "
                    f"back, or type `{command}` to begin it all the same"
                )
            before.append(content)
            write_json(sweep.data, known)
    return before[0]


def _difference(then: str, now: str) -> str:
    return f"data: {_short(then)} -> {_short(now)}"


def _short(content: str) -> str:
    """Return the start of a digest; numbers of samples as they are."""
    return content if " " in content else content[:12]


def _data_set(node: Mapping[str, Any], split: bool) -> str:
    """Return a digest of the settings that decide what is read; with `split`, also how it is split."""
    use = set() if split else {field.name for field in fields(DatasetSettings)}
    kept = {key: value for key, value in masked(dict(node)).items() if key not in use}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _known(sweep: SweepFolder) -> dict[str, list[str]]:
    try:
        known: dict[str, list[str]] = read_json(sweep.data)
        check_plain(dict[str, list[str]], known)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DamagedSweep(
            f"{sweep.data} cannot be read: {reason(error)}; put it back or remove it"
        ) from error
    return known
