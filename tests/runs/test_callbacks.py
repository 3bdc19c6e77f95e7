"""A callback of a user's in a real run: what its bug leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.building.prepare import prepare
from sweepboard.runs.execute import execute, new_record
from sweepboard.runs.lock import claimed
from sweepboard.runs.record import read_record
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.progress import Progress
from tests.preparing import composed

WORDS = ["model=mlp", "dataset=gaussian", "trainer=debug", "threads=1", "trainer.checkpoint.every_steps=1"]


class Bug(Callback):
    """Raises in its method `event`, from the second update on."""

    def __init__(self, event: str) -> None:
        def divide(*arguments: object) -> None:
            if not isinstance(arguments[0], Progress) or arguments[0].step > 1:
                raise ZeroDivisionError("a bug of the user's")

        setattr(self, event, divide)


@pytest.mark.parametrize("event", ["on_update", "on_validation", "on_end", "finish"])
def test_a_bug_is_a_failed_run_with_a_traceback_a_true_record_and_a_whole_checkpoint(
    tmp_path: Path, event: str
) -> None:
    config = composed(tuple(WORDS))
    prepared = prepare(config, config.hydra.runtime.choices, WORDS)
    record = new_record(prepared, "sweepboard")
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "run") as folder:
        execute(prepared.placed(folder.path), folder, record, {"bug": Bug(event)})
    saved = read_record(folder)
    assert (saved.status, saved.reason) == ("failed", "ZeroDivisionError: a bug of the user's")
    assert "Traceback" in folder.log.read_text()
    state = Checkpoints(folder.checkpoints, saved.id).load()
    assert state is not None
    assert state.step >= 1
