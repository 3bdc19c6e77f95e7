"""A command as one of several processes that torchrun or srun has started."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from sweepboard.rank_environment import StartedRank


def run_rank(place: StartedRank, verb: str, arguments: Sequence[str]) -> int:
    """Run a verb that trains as rank 0; as another rank, train what rank 0 says. Return the exit code."""
    if place.rank:
        from sweepboard.runs.rank_main import serve

        return serve(place)
    from sweepboard.runs.started_ranks import meeting_of

    with meeting_of(place):
        return int(import_module(f"sweepboard.cli.{verb}").main(list(arguments)))
