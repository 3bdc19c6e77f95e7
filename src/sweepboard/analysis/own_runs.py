"""Read runs of sweepboard from their folders, or what is known of them from the index."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from sweepboard.analysis.curves import Points, sorted_by_step
from sweepboard.analysis.packed_curves import packed_curves, unpacked_curves
from sweepboard.analysis.record_match import difference_from_record
from sweepboard.analysis.run import Run
from sweepboard.board.event_names import event_file_names
from sweepboard.board.scalar_decoder import Series
from sweepboard.board.scalar_reader import read_scalars_of
from sweepboard.board.tfrecord import Damage, warn
from sweepboard.errors import UserError, reason
from sweepboard.names import block
from sweepboard.runs.alteration import alteration
from sweepboard.runs.discover import Found
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RUNNING, DamagedRecord, RunRecord, read_record
from sweepboard.runs.run_index import Kind, indexed
from sweepboard.runs.run_summary import DAMAGED
from sweepboard.runs.saved_run import DamagedRun, NotBegun, read_config, refuse_not_begun
from sweepboard.signing import key_name

log = logging.getLogger(__name__)


class Unreadable(UserError):
    """A run of ours without a record or a configuration to be read, and the status to show for it."""

    def __init__(self, why: str, status: str = DAMAGED) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class _Content:
    """What the files of a run hold."""

    record: RunRecord = field(default_factory=RunRecord)
    config: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Points] = field(default_factory=dict)
    damage: str | None = None
    """What something but sweepboard has changed in them, or cut from them."""

    unreadable: Unreadable | None = None
    """Why there is neither record nor configuration."""

    whole: bool = True
    """Whether the event files have been read without a warning."""


def read_own_runs(root: Path, found: Sequence[Found]) -> dict[Path, Run | Unreadable]:
    """Return the runs below `root`, or why one is unreadable, by their folders. Warn about changed files."""
    contents = indexed(root, {each.name: RunFolder(each.path) for each in found}, _kind())
    return {each.path: _run(each, contents[each.name]) for each in found}


def _run(found: Found, content: _Content) -> Run | Unreadable:
    if content.unreadable:
        return content.unreadable
    if content.damage:
        log.warning("%s: %s", found.name, content.damage)
    record = content.record
    return Run(
        path=found.path,
        name=found.name,
        damage=content.damage,
        seed=record.seed,
        status=record.true_status,
        seconds=record.seconds,
        curves=content.curves or _curves_of_record(record),
        logged=bool(content.curves),
        config=content.config,
        record=record,
    )


def _kind() -> Kind[_Content]:
    """Return what the index holds; what is changed since it was signed depends on the user's key, too."""
    return Kind(
        name="curves",
        form=" ".join((*_ENTRIES, "config", "curves", key_name())),
        files=_files,
        read=_read,
        packed=_packed,
        unpacked=_unpacked,
    )


def _files(folder: RunFolder) -> Iterator[str]:
    yield from (str(folder.record), str(folder.config))
    yield from (f"{folder}/{name}" for name in event_file_names(folder.path))


def _read(folders: Sequence[RunFolder]) -> Iterator[_Content]:
    """Yield what the files of runs hold; the records first, so that no curve is older than what they say."""
    contents = [_settings(folder) for folder in folders]
    found = _series(
        [folder.path for folder, each in zip(folders, contents, strict=True) if not each.unreadable]
    )
    for folder, content in zip(folders, contents, strict=True):
        yield content if content.unreadable else _with_curves(content, folder, *next(found))


def _settings(folder: RunFolder) -> _Content:
    try:
        record = read_record(folder)
        refuse_not_begun(folder, record)
        return _Content(record, read_config(folder, whole=False))
    except NotBegun as error:
        return _Content(unreadable=Unreadable(str(error), record.status))
    except (DamagedRecord, DamagedRun) as error:
        return _Content(unreadable=Unreadable(str(error)))


def _series(folders: Sequence[Path]) -> Iterator[tuple[dict[str, Series], bool]]:
    """Yield the scalars of each folder, and whether there was nothing to warn of."""
    damages: dict[Path, list[Damage]] = defaultdict(list)
    found = read_scalars_of(folders, lambda damage: damages[damage.path.parent].append(damage))
    for folder, series in zip(folders, found, strict=True):
        for damage in damages[folder]:
            warn(damage)
        if isinstance(series, OSError):  # the other runs can still be compared
            log.warning("%s cannot be read: %s", folder, reason(series))
            yield {}, False
        else:
            yield series, not damages[folder]


def _with_curves(content: _Content, folder: RunFolder, series: Mapping[str, Series], whole: bool) -> _Content:
    record, config = content.record, content.config
    curves = {tag: sorted_by_step(each.steps, each.values) for tag, each in series.items()}
    told = alteration(folder, record, config), _lost_points(record, config, curves)
    return _Content(record, config, curves, "; ".join(filter(None, told)) or None, whole=whole)


def _lost_points(record: RunRecord, config: Mapping[str, Any], curves: Mapping[str, Points]) -> str | None:
    logged = block(config, "logging").get("enabled")
    if not (logged or curves):
        return None
    return difference_from_record(record, {tag: values for tag, (_, values) in curves.items()})


def _curves_of_record(record: RunRecord) -> dict[str, Points]:
    """Return the last metrics of a run that wrote no event files."""
    return {
        tag: (
            np.array([record.step]),
            np.array([value], dtype=np.float64),
        )  # null in JSON, which was NaN, becomes NaN
        for tag, value in record.metrics.items()
    }


_ENTRIES = [each.name for each in fields(RunRecord)]


def _packed(content: _Content) -> list[Any] | None:
    """Return a run for the index; None while it runs, and where there is something to warn of."""
    if content.unreadable or content.damage or not content.whole or content.record.status == RUNNING:
        return None
    if not _has_text_keys(content.config):
        return None
    record = [getattr(content.record, name) for name in _ENTRIES]
    return [record, content.config, packed_curves(content.curves)]


def _has_text_keys(value: Any) -> bool:
    """Return whether all keys of nested mappings are texts: JSON makes texts of other keys."""
    if isinstance(value, dict):
        return {*map(type, value)} <= {str} and all(map(_has_text_keys, value.values()))
    return all(map(_has_text_keys, value)) if isinstance(value, list) else True


def _unpacked(values: list[Any]) -> _Content:
    record, config, curves = values
    return _Content(RunRecord(*record), config, unpacked_curves(curves))
