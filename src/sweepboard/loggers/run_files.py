"""What a logger tells of a run beside its curves, from the files in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path
from typing import Any

from sweepboard import plain_yaml
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.errors import ConfigError
from sweepboard.files import read_json, read_text
from sweepboard.names import flatten


def require(package: str) -> None:
    """Raise `ConfigError`, with what to install, if the package of a logger is not there."""
    if find_spec(package) is None:
        raise ConfigError(f"loggers: {package} is not installed; pip install 'sweepboard[{package}]'")


def id_of(folder: Path) -> str:
    """Return the id of the run, which stays the same when it is resumed; its name if there is no record."""
    record = folder / "run.json"
    return str(read_json(record)["id"]) if record.exists() else folder.name


def points_before(step: int, folder: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the scalars in the event files of the run, by steps below `step`, in order."""
    found: dict[int, dict[str, float]] = {}
    for tag, series in read_scalars(folder).items():
        for at, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
            if at < step:
                found.setdefault(at, {})[tag] = value
    yield from sorted(found.items(), key=itemgetter(0))


def settings_of(folder: Path) -> dict[str, Any]:
    """Return the resolved configuration by flat key, without secrets; empty if there is none."""
    config = folder / "config.yaml"
    return dict(flatten(plain_yaml.load(read_text(config)))) if config.exists() else {}
