"""The main functions of ranks 1, 2, ...: train as rank 0 says, and write `ranks/<n>.log`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from sweepboard.building.build import Experiment, build
from sweepboard.building.prepare import prepared_again
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.dealing import Dealing
from sweepboard.execution.channel import Channel
from sweepboard.rank_environment import StartedRank
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.log_file import logged_to
from sweepboard.runs.record_callback import ending
from sweepboard.runs.signal_relay import relayed
from sweepboard.runs.started_ranks import Meeting, go_on_in_child
from sweepboard.secrets import remember
from sweepboard.startup import tune_allocator, write_output_to
from sweepboard.training.checkpoint import NoCheckpoints
from sweepboard.training.distributed import Group, RankLost, process_group, store_at
from sweepboard.training.loop_state import LoopState
from sweepboard.training.signals import Interrupted, Pruned, StopFlag

log = logging.getLogger(__name__)


class Teller(Protocol):
    """What a rank tells rank 0 through."""

    def send(self, payload: dict[str, Any], /) -> None:
        """Say why it ends."""


Relay: TypeAlias = Callable[[StopFlag], AbstractContextManager[None]]
"""Lets ranks know of signals to each other during a block."""


def run(arguments: Mapping[str, Any], channel: Channel) -> None:
    """Train as one rank that rank 0 has started, and tell it why this one ends, if not because the run does.

    `arguments` are those of `runs.ranks`.
    """
    rank, size = arguments["rank"], arguments["size"]

    def store() -> Any:
        return store_at(arguments["meeting"], rank, size)

    relay = partial(relayed, channel)
    sys.exit(_train(arguments, Dealing(rank, size, rank), channel, store, relay, local=True))


def serve(place: StartedRank) -> int:
    """Train as one of the ranks that torchrun or srun has started; return the exit code.

    The first rank of each machine reads the data before the others there: it may download or cache them.
    """
    meeting = Meeting(place)
    work = meeting.work()
    if work is None:
        return 0
    if place.starter == "srun":
        go_on_in_child(place)
    dealing = Dealing(place.rank, place.size, place.local_rank)
    meeting.wait_for_first_of_machine()

    def store() -> Any:
        meeting.first_of_machine_is_ready()
        meeting.is_built()
        return meeting.store

    def unneeded(_: StopFlag) -> AbstractContextManager[None]:
        return nullcontext()  # torchrun and srun send signals to all

    return _train(work, dealing, meeting, store, unneeded, local=place.nodes == 1)


def _train(
    work: Mapping[str, Any],
    dealing: Dealing,
    teller: Teller,
    store: Callable[[], Any],
    relay: Relay,
    local: bool,
) -> int:
    """Train, and return the exit code; `store` is where all meet once this rank is built."""
    tune_allocator()
    config, folder = RunConfig(**work["config"]), RunFolder(Path(work["folder"]))
    remember(config.values)
    path = _log_of(folder, dealing.rank)
    write_output_to(path)
    with logged_to(path):
        try:
            with StopFlag(at_once=True) as stop, relay(stop):
                built = _built(config, dealing, folder)
                place = store()
                with process_group(dealing, built.device, place, local):
                    ranks = Group.of(dealing, built.device, built.trainer.timeout, place)
                    _train_built(built, folder, stop, ranks)
        except Pruned:
            return 0
        except RankLost as lost:
            teller.send({"lost": str(lost)})
            log.error("%s", lost)
        except Interrupted as stop_signal:
            teller.send({"signum": stop_signal.signum, "when": stop_signal.when})
            log.info("%s", stop_signal)
            return stop_signal.exit_code
        except BaseException as error:
            teller.send({"error": ending(error)[1]})
            log.error("failed: %s", error, exc_info=error)
        else:
            return 0
    return 1


def _log_of(folder: RunFolder, rank: int) -> Path:
    path = folder.path / "ranks" / f"{rank}.log"
    path.parent.mkdir(exist_ok=True)
    return path


def _built(config: RunConfig, dealing: Dealing, folder: RunFolder) -> Experiment:
    """Build what rank 0 has built before; its weights will come from there."""
    return build(replace(prepared_again(config), folder=folder.path, anew=False), dealing)


def _train_built(work: Experiment, folder: RunFolder, stop: StopFlag, ranks: Group) -> None:
    state = ranks.from_first(None)
    resume = None if state is None else LoopState.from_dict(state)
    work.run({}, NoCheckpoints(folder.checkpoints), stop, resume, ranks)
