"""Bring the ranks of a run together: rank 0 starts the others, or finds them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from sweepboard.building.build import device_of
from sweepboard.building.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.dealing import Dealing
from sweepboard.runs.folder import RunFolder
from sweepboard.training.distributed import ALONE, Ranks
from sweepboard.training.loop_state import LoopState


@contextmanager
def ranks_together(
    prepared: Prepared, folder: RunFolder, resume: LoopState | None, on_stuck: Callable[[str], None]
) -> Iterator[Ranks]:
    """Yield rank 0 of the run, once all others have built the same parts; they end with the block.

    `resume` is the state from which all go on. `on_stuck` is told why the run ends if rank 0 hangs. Raise
    `RunFailed`, which names the rank, or `Interrupted` for the first that ends.
    """
    size = prepared.config.ranks
    if size == 1:
        yield ALONE
        return
    with _local_ranks(prepared, folder, size, resume, on_stuck) as ranks:
        yield ranks


@contextmanager
def _local_ranks(
    prepared: Prepared,
    folder: RunFolder,
    size: int,
    resume: LoopState | None,
    on_stuck: Callable[[str], None],
) -> Iterator[Ranks]:
    from sweepboard.runs.rank_jobs import RankJobs
    from sweepboard.training.distributed import RankLost, process_group

    config = prepared.config
    timeout = config.settings.trainer.timeout
    place = Path(tempfile.mkdtemp(prefix="sweepboard-ranks-"))  # readable by this user alone
    jobs = RankJobs(size, timeout, on_stuck)
    wait = 0.0
    try:
        meeting = f"file://{place / 'meeting'}"
        jobs.start({"config": plain(config), "folder": str(folder.path), "size": size, "meeting": meeting})
        dealing = Dealing(0, size)
        device = device_of(config.device, dealing)
        with process_group(dealing, device, meeting, local=True):
            yield joined(dealing, device, timeout, resume)
        wait = 5.0
    except RankLost as lost:
        raise jobs.why(lost) from None
    finally:
        jobs.close(wait)
        shutil.rmtree(place, ignore_errors=True)


def joined(dealing: Dealing, device: Any, timeout: float, resume: LoopState | None) -> Ranks:
    """Return the group of rank 0 and send `resume` to the others."""
    from sweepboard.training.distributed import Group

    ranks = Group.of(dealing, device, timeout)
    ranks.from_first(None if resume is None else resume.to_dict())
    return ranks


_SENT = ("values", "interpolations", "groups", "overrides", "own", "writes_only")


def plain(config: RunConfig) -> dict[str, Any]:
    """Return a configuration as JSON takes it, with its secrets: it goes to a process of the same user."""
    return {item.name: getattr(config, item.name) for item in fields(config) if item.name in _SENT}
