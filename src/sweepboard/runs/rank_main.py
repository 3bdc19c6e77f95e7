"""The main function of ranks 1, 2, ...: train from the configuration of rank 0, and write `ranks/<n>.log`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweepboard.building.build import Experiment, build, device_of
from sweepboard.building.prepare import prepared_again
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.dealing import Dealing
from sweepboard.execution import JobChannel
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.log_file import logged_to
from sweepboard.runs.record_callback import ending
from sweepboard.secrets import remember
from sweepboard.startup import tune_allocator, write_output_to
from sweepboard.training.checkpoint import NoCheckpoints
from sweepboard.training.distributed import Group, RankLost, process_group
from sweepboard.training.loop_state import LoopState
from sweepboard.training.signals import Interrupted, Pruned, StopFlag

log = logging.getLogger(__name__)


def run(arguments: Mapping[str, Any], channel: JobChannel) -> None:
    """Train as one rank, and tell rank 0 why it ends, if not because the run does."""
    tune_allocator()
    config = RunConfig(**arguments["config"])
    remember(config.values)
    path = log_of(RunFolder(Path(arguments["folder"])), arguments["rank"])
    write_output_to(path)
    dealing = Dealing(arguments["rank"], arguments["size"], arguments["rank"])
    with logged_to(path):
        try:
            _train(config, dealing, arguments)
        except Pruned:
            return
        except RankLost as lost:
            channel.send({"lost": str(lost)})
            log.error("%s", lost)
            sys.exit(1)
        except Interrupted as stop:
            channel.send({"signum": stop.signum})
            log.info("%s", stop)
            sys.exit(stop.exit_code)
        except BaseException as error:
            channel.send({"error": ending(error)[1]})
            log.error("failed: %s", error, exc_info=error)
            sys.exit(1)


def log_of(folder: RunFolder, rank: int) -> Path:
    """Return the log of a rank; make its folder."""
    path = folder.path / "ranks" / f"{rank}.log"
    path.parent.mkdir(exist_ok=True)
    return path


def _train(config: RunConfig, dealing: Dealing, arguments: Mapping[str, Any]) -> None:
    folder = RunFolder(Path(arguments["folder"]))
    with StopFlag(at_once=True) as stop:
        work = build_rank(config, dealing, folder)
        with process_group(dealing, work.device, arguments["meeting"], local=True):
            train_rank(work, dealing, folder, stop)


def build_rank(config: RunConfig, dealing: Dealing, folder: RunFolder) -> Experiment:
    """Build what rank 0 has built before; its weights will come from there."""
    device_of(config.device, dealing)
    return build(replace(prepared_again(config), folder=folder.path, anew=False), dealing)


def train_rank(work: Experiment, dealing: Dealing, folder: RunFolder, stop: StopFlag) -> None:
    """Train once all ranks are in the process group."""
    ranks = Group.of(dealing, work.device, work.trainer.timeout)
    state = ranks.from_first(None)
    resume = None if state is None else LoopState.from_dict(state)
    work.run({}, NoCheckpoints(folder.checkpoints), stop, resume, ranks)
