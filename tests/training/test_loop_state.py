"""The typed content of a checkpoint: whole, or one line about the field that is not."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from sweepboard.settings import TrainerSettings
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.checkpoint_file import DamagedCheckpoint, load_checkpoint, packed
from sweepboard.training.loop import fit
from sweepboard.training.loop_state import BestState, LoopState
from tests.training.conftest import World

FIELDS = [item.name for item in fields(LoopState)]


@pytest.fixture
def content(world: World, tmp_path: Path) -> dict[str, Any]:
    """What a short run saved as its last state."""
    checkpoints = Checkpoints(tmp_path)
    fit(world.learner(), world.data(), TrainerSettings(steps=2), checkpoints=checkpoints)
    checkpoints.previous.unlink()
    state = load_checkpoint(checkpoints.last)
    del state["format"]
    return state


def test_a_state_is_saved_field_by_field(content: dict[str, Any], tmp_path: Path) -> None:
    assert set(FIELDS) <= content.keys()
    state = LoopState.from_dict(content)
    assert state.to_dict().keys() == set(FIELDS)
    assert (state.step, state.total_steps, state.due) == (2, 2, False)
    best = BestState.from_dict(load_checkpoint(Checkpoints(tmp_path).best))
    assert best.model.keys() == state.learner["model"].keys()


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_is_missing_or_of_another_type_is_named(
    name: str, content: dict[str, Any], tmp_path: Path
) -> None:
    last = Checkpoints(tmp_path).last
    last.write_bytes(packed({key: value for key, value in content.items() if key != name}))
    with pytest.raises(DamagedCheckpoint, match=f"last.pt does not fit this run: it lacks '{name}'"):
        Checkpoints(tmp_path).load()
    last.write_bytes(packed({**content, name: 0j}))
    with pytest.raises(DamagedCheckpoint, match=f"its {name} is of type complex and not"):
        Checkpoints(tmp_path).load()


def test_a_truth_value_is_no_number(content: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="its step is of type bool and not int"):
        LoopState.from_dict({**content, "step": True})
