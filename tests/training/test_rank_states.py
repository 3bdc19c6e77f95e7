"""What differs between ranks: their random numbers and what they measured, also after a resume by others."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
import torch

from sweepboard.data.dealing import Dealing
from sweepboard.training.loop_state import LoopState
from sweepboard.training.meter import Meter
from sweepboard.training.rank_states import own_state, seed_rank, state_of_rank
from sweepboard.training.seeding import random_states, seed_everything
from sweepboard.training.task import Step, Task


def mask(rank: int) -> list[float]:
    seed_everything(3)
    seed_rank(Dealing(rank, 3))
    return torch.nn.functional.dropout(torch.ones(64)).tolist()


def test_ranks_draw_different_masks_and_the_same_ones_again() -> None:
    masks = [mask(rank) for rank in range(3)]
    assert len({tuple(each) for each in masks}) == 3
    assert [mask(rank) for rank in range(3)] == masks
    seed_everything(3)
    assert masks[0] == torch.nn.functional.dropout(torch.ones(64)).tolist()  # that of one process


def state(rank: int) -> LoopState:
    meter = Meter(Task())
    meter.add(Step(torch.tensor(float(rank)), samples=1, weight=1))
    learner = {"meter": meter.state_dict(), "task": [], "attributes": {"seen": rank}, "model": {}}
    seed_everything(rank)
    empty: dict[str, Any] = {name: {} for name in ("data", "monitor", "train_metrics", "val_metrics")}
    rest: dict[str, Any] = {
        "test_metrics": {},
        "callbacks": {},
        "samples_per_second": 0.0,
        "seconds": 0.0,
        "busy": 0.0,
    }
    return LoopState(
        step=4, total_steps=8, log_from=5, due=False, learner=learner, random=random_states(), **empty, **rest
    )


def of_three() -> LoopState:
    return replace(state(0), ranks=[own_state(state(1)), own_state(state(2))])


def test_each_rank_goes_on_from_its_own_state() -> None:
    for rank in range(3):
        found = state_of_rank(of_three(), Dealing(rank, 3))
        assert found.learner["attributes"] == {"seen": rank}
        assert torch.equal(found.random["torch"], state(rank).random["torch"])


def test_another_number_of_ranks_measures_the_same_and_says_that_the_bits_differ(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        found = [state_of_rank(of_three(), Dealing(rank, 2)) for rank in range(2)]
    losses = [float(loss) for each in found for chunk in each.learner["meter"] for loss in chunk["loss"]]
    assert losses == [0.0, 1.0, 2.0]
    assert not torch.equal(found[0].random["torch"], found[1].random["torch"])
    assert "trained by 3 processes until step 4, and by 2 from here on" in caplog.text


def test_one_process_goes_on_as_it_is() -> None:
    alone = state(0)
    assert state_of_rank(alone, Dealing()) is alone
