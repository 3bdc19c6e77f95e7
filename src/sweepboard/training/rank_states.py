"""What differs between the ranks of a run, in its checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from sweepboard.data.dealing import Dealing
from sweepboard.data.seeds import derive_seed
from sweepboard.training.loop_state import LoopState
from sweepboard.training.seeding import random_states, seed_everything

log = logging.getLogger(__name__)

_OF_LEARNER = ("meter", "task", "attributes")


def own_state(state: LoopState) -> dict[str, Any]:
    """Return what of a rank's state the others do not have: random states, and what it measured."""
    return {"random": state.random, **{name: state.learner[name] for name in _OF_LEARNER}}


def seed_rank(dealing: Dealing, *when: int) -> None:
    """Give each rank random numbers of its own, for dropout; those of rank 0 are those of one process."""
    if dealing.rank:
        seed_everything(derive_seed(torch.initial_seed(), "rank", dealing.rank, *when) % 2**32)


def state_of_rank(state: LoopState, dealing: Dealing) -> LoopState:
    """Return the state from which a rank goes on.

    If there were another number of ranks, rank 0 takes what all have measured, the others begin new streams
    of random numbers, and a warning says that the bits will be others.
    """
    if len(state.ranks) + 1 == dealing.size:
        return _overlaid(state, state.ranks[dealing.rank - 1]) if dealing.rank else state
    if dealing.rank:
        seed_rank(dealing, state.step)
        learner = {**state.learner, "meter": []}
        return replace(state, learner=learner, random=random_states())
    log.warning(
        "trained by %s processes until step %s, and by %s from here on: the same samples, but the numbers "
        "are no longer those of an uninterrupted run to the bit",
        len(state.ranks) + 1, state.step, dealing.size,
    )  # fmt: skip
    rows = [row for each in (state.learner, *state.ranks) for row in each["meter"]]
    return replace(state, learner={**state.learner, "meter": rows})


def _overlaid(state: LoopState, own: Mapping[str, Any]) -> LoopState:
    learner = {**state.learner, **{name: own[name] for name in _OF_LEARNER}}
    return replace(state, learner=learner, random=own["random"])
