"""Bring the ranks of a run together: rank 0 starts the others, or finds them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from sweepboard.building.build import device_of
from sweepboard.building.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.dealing import Dealing
from sweepboard.errors import ConfigError
from sweepboard.rank_environment import started_rank
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.started_ranks import Meeting, met
from sweepboard.training.distributed import ALONE, Group, RankLost, Ranks, process_group, store_at
from sweepboard.training.loop_state import LoopState
from sweepboard.training.signals import StopFlag


@contextmanager
def ranks_together(
    prepared: Prepared,
    folder: RunFolder,
    resume: LoopState | None,
    stop: StopFlag,
    on_stuck: Callable[[str], None],
) -> Iterator[Ranks]:
    """Yield rank 0 of the run, once all others have built the same parts; they end with the block.

    `resume` is the state from which all go on. `stop` is set by signals to other ranks, too. `on_stuck` is
    told why the run ends if rank 0 hangs. Raise `RunFailed`, which names the rank, or `Interrupted` for the
    first that ends.
    """
    config, meeting = prepared.config, met()
    size = config.ranks
    if size == 1:
        yield ALONE
        return
    work = {"config": _plain(config), "folder": str(folder.path.absolute()), "size": size}
    if meeting is not None:
        with _found(config, work, meeting, resume) as ranks:
            yield ranks
        return
    if (place := started_rank()) is not None:
        raise ConfigError(
            f"trainer.devices: {place.starter} has started this process: let it start the command sweepboard"
        )
    if config.settings.trainer.nodes > 1:
        raise ConfigError(
            f"trainer.nodes={config.settings.trainer.nodes}: start this command on all machines, by srun "
            "or torchrun"
        )
    with _started(config, work, resume, stop, on_stuck) as ranks:
        yield ranks


@contextmanager
def _found(
    config: RunConfig, work: Mapping[str, Any], meeting: Meeting, resume: LoopState | None
) -> Iterator[Ranks]:
    """Yield rank 0 of those that torchrun or srun has started."""
    place, dealing = meeting.place, Dealing(0, config.ranks)
    device = device_of(config.device, dealing)
    meeting.first_of_machine_is_ready()  # what rank 0 needs was built before
    meeting.announce(dict(work))
    meeting.wait_until_all_are_built()
    try:
        with process_group(dealing, device, meeting.store, local=place.nodes == 1):
            yield _joined(dealing, device, config.settings.trainer.timeout, meeting.store, resume)
    except RankLost as lost:
        raise meeting.why(lost) from None


@contextmanager
def _started(
    config: RunConfig,
    work: Mapping[str, Any],
    resume: LoopState | None,
    stop: StopFlag,
    on_stuck: Callable[[str], None],
) -> Iterator[Ranks]:
    """Yield rank 0, which starts the others on this machine."""
    from sweepboard.runs.rank_jobs import RankJobs  # few runs need it

    place = Path(tempfile.mkdtemp(prefix="sweepboard-ranks-"))  # readable by this user alone
    dealing, timeout, wait = Dealing(0, config.ranks), config.settings.trainer.timeout, 0.0
    jobs = RankJobs(config.ranks, timeout, stop, on_stuck)
    try:
        url = f"file://{place / 'meeting'}"
        jobs.start({**work, "meeting": url})
        device = device_of(config.device, dealing)
        store = store_at(url, 0, config.ranks)
        with process_group(dealing, device, store, local=True):
            ranks = _joined(dealing, device, timeout, store, resume)
            ranks.on_leave = jobs.let_end
            yield ranks
        wait = 5.0
    except RankLost as lost:
        raise jobs.why(lost) from None
    finally:
        jobs.close(wait)
        shutil.rmtree(place, ignore_errors=True)


def _joined(
    dealing: Dealing, device: torch.device, timeout: float, store: Any, resume: LoopState | None
) -> Group:
    """Return the group of rank 0 and send `resume` to the others."""
    ranks = Group.of(dealing, device, timeout, store)
    ranks.from_first(None if resume is None else resume.to_dict())
    return ranks


_SENT = ("values", "interpolations", "groups", "overrides", "own", "writes_only")


def _plain(config: RunConfig) -> dict[str, Any]:
    """Return a configuration as JSON takes it, with its secrets: it goes to a process of the same user."""
    return {item.name: getattr(config, item.name) for item in fields(config) if item.name in _SENT}
