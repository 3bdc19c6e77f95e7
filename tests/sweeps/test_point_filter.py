"""`sweep.filter` on points that differ in numbers: they share one composed configuration."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from hydra.types import RunMode

from sweepboard.compose.config_search import hydra_ready
from sweepboard.execution import Resources
from sweepboard.sweeps.composer import Composer
from sweepboard.sweeps.grid import grid
from sweepboard.sweeps.point_filter import holds, read_filter
from sweepboard.sweeps.points import check_points

FAST = ["model=linear", "dataset=gaussian", "threads=1"]
GRID = [*FAST, "seed=1,2,3", "optimizer.lr=0.1,0.2,0.3"]


@pytest.mark.parametrize(
    ("words", "only", "composed"),
    [
        (GRID, "seed < 3 and optimizer.lr > 0.1", 2),  # one for the condition, one to prepare the first kept
        (GRID, "seed == 3", 2),
        ([*GRID, "optimizer.weight_decay=${optimizer.lr}"], "optimizer.weight_decay * seed < 0.35", 1),
        ([*GRID, "optimizer.weight_decay=${oc.select:seed}"], "optimizer.weight_decay > 2", 4),
        ([*FAST, "seed=1,2", "optimizer.lr=0.5,1,2"], "optimizer.lr < 2", 5),  # 1 becomes 1.0
        ([*GRID, "dataset.batch_size=32,64"], "dataset.batch_size == 64 and seed > 1", 3),
    ],
)
def test_a_filter_keeps_the_points_for_which_it_holds_when_composed_alone(
    words: list[str], only: str, composed: int
) -> None:
    condition = read_filter(only)
    assert condition is not None
    with hydra_ready() as hydra:
        master = hydra.compose_config("config", words, run_mode=RunMode.MULTIRUN)
        every, composer = grid(words, (), hydra.config_loader), Composer(hydra.config_loader, master)
        compose = Mock(side_effect=composer.compose)
        kept = [point.prepared.config.overrides for point in check_points(every, compose, Resources(2), only)]
        calls, alone = compose.call_count, []
        for point in every:
            config = Composer(hydra.config_loader, master).compose(point)
            alone += [point] if holds(condition, config, config.hydra.runtime.choices) else []
    assert [list(one) for one in kept] == [list(one) for one in alone]
    assert 0 < len(kept) < len(every)
    assert calls <= composed
