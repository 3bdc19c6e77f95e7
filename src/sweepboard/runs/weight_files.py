"""The files of weights that a run reads, by their SHA-256: initial weights and models of other runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.building.prepare import Prepared
from sweepboard.compose.locate import LOAD_MODEL, TARGET, nodes
from sweepboard.errors import UserError
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord
from sweepboard.settings import OPEN_GROUPS, WEIGHTS
from sweepboard.training.weights_file import file_of

if TYPE_CHECKING:
    from sweepboard.runs.differences import Difference

_PATH = f"{WEIGHTS}.path"


def digests(prepared: Prepared) -> dict[str, str]:
    """Return the SHA-256 of each file that is read, by the key that names it; missing files are left out."""
    return {key: _sha256(path) for key, path in _files(prepared) if path.is_file()}


def changed_weights(record: RunRecord, prepared: Prepared) -> list[Difference]:
    """Return the files of weights that are read again and are not as when the run began."""
    from sweepboard.runs.differences import ABSENT, Difference  # a first attempt has none

    then, now = record.latest("weights", record.weights), digests(prepared)
    return [
        Difference(f"{key} (file)", then[key][:12], now.get(key, ABSENT)[:12], matters=True)
        for key, _ in _files(prepared)
        if key in then and then[key] != now.get(key)
    ]


def _files(prepared: Prepared) -> Iterator[tuple[str, Path]]:
    config = prepared.config
    if config.program is not None:
        return
    if prepared.anew and config.settings.weights.path is not None:
        try:
            yield _PATH, file_of(config.settings.weights)
        except UserError:  # told where it is read
            yield _PATH, Path(config.settings.weights.path)
    for group in OPEN_GROUPS:
        for key, node in nodes(config.values[group], group):
            if node[TARGET] == LOAD_MODEL:
                yield f"{key}.run", _checkpoint(node)


def _checkpoint(node: Mapping[str, object]) -> Path:
    folder = RunFolder(Path(str(node.get("run"))))
    return folder.checkpoints / f"{node.get('checkpoint', 'best')}.pt"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
