"""Copies of a state: of that moment, in memory that is used again."""

from __future__ import annotations

import errno
import io
import os
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sweepboard.errors import RunFailed
from sweepboard.settings import TrainerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.checkpoint_file import (
    DigestedFile,
    load_checkpoint,
    packed,
    unpacked,
    write_checkpoint,
)
from sweepboard.training.loop import fit
from sweepboard.training.state_copies import StateCopies, check_savable
from tests.training.conftest import World

LARGE = 2**18
"""Numbers in a tensor whose copy is kept."""


def state(step: int) -> dict[str, Any]:
    pair = [torch.full((LARGE,), float(step)), torch.full((LARGE,), step + 0.5)]
    return {"step": step, "pair": pair, "small": torch.tensor(step)}


def places(copy: dict[str, Any]) -> set[int]:
    return {tensor.data_ptr() for tensor in copy["pair"]}


@pytest.mark.parametrize(
    "value", [{1, 2}, torch.Size([2]), torch.float16, b"x", (1, [None]), {"a": {2: True}}]
)
def test_what_a_checkpoint_can_hold_is_copied(value: Any) -> None:
    assert StateCopies().of({"value": value}) == {"value": value}


def test_numbers_of_numpy_become_pythons() -> None:
    copy = StateCopies().of({"count": np.int64(3), "rate": np.float32(0.5)})
    assert (copy, type(copy["count"]), type(copy["rate"])) == ({"count": 3, "rate": 0.5}, int, float)


@pytest.mark.parametrize("value", [{1, 2}, torch.Size([2]), torch.half, b"x", np.int64(3), torch.ones(2)])
def test_what_a_checkpoint_can_hold_is_savable(value: Any) -> None:
    check_savable({"mine": [{"value": value}]}, "")


@pytest.mark.parametrize("value", [np.arange(2), Path("x"), lambda: 1, object(), io.StringIO(), range(3)])
def test_what_a_checkpoint_cannot_hold_is_told_with_its_place(value: Any) -> None:
    line = rf"^callbacks\.mine\.states\.1\.count: is a {type(value).__name__}, and a checkpoint holds"
    with pytest.raises(RunFailed, match=line):
        check_savable({"callbacks.mine": {"states": [{}, {"count": value}]}}, "")


def test_a_callback_whose_state_cannot_be_saved_is_told_before_the_first_update(
    world: World, tmp_path: Path
) -> None:
    class Mine(Callback):
        def state_dict(self) -> dict[str, Any]:
            return {"seen": np.arange(2)}

    learner = world.learner()
    with pytest.raises(RunFailed, match=r"^callbacks\.mine\.seen: is a ndarray"):
        fit(
            learner, world.data(), TrainerSettings(steps=3),
            callbacks={"callbacks.mine": Mine()}, checkpoints=Checkpoints(tmp_path),
        )  # fmt: skip
    assert learner.step == 0


def test_large_copies_are_made_where_the_ones_before_were() -> None:
    copies, first = StateCopies(), state(1)
    one = copies.of(first)
    first["pair"][0].zero_()
    assert [float(tensor.sum()) for tensor in one["pair"]] == [LARGE, 1.5 * LARGE]
    used = places(one)
    two = copies.of(state(2))
    assert places(two) == used
    assert len(used) == 2
    assert [float(tensor[0]) for tensor in two["pair"]] == [2.0, 2.5]
    other = copies.of({"double": torch.ones(LARGE, dtype=torch.float64), "pair": state(3)["pair"]})
    assert places(other) == used
    assert other["double"].dtype == torch.float64
    assert other["double"].data_ptr() not in used


def test_a_copy_has_the_layout_of_its_tensor() -> None:
    copies = StateCopies()
    image = torch.randn(4, 64, 64, 64).to(memory_format=torch.channels_last)
    for tensor in (image, image.contiguous(), image.transpose(1, 2), torch.ones(1).expand(LARGE)):
        for _ in range(2):
            copy = copies.of(tensor)
            assert torch.equal(copy, tensor)
            assert copy.stride() == tensor.detach().to("cpu", copy=True).stride()
    assert not copies.of(torch.ones(LARGE, requires_grad=True)).requires_grad


def test_what_could_not_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best weights of step 1 meet a full disk twice; the states saved meanwhile do not change them."""
    checkpoints = Checkpoints(tmp_path)
    with monkeypatch.context() as patch:

        def fsync(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(os, "fsync", fsync)
        for step in (1, 2):
            checkpoints.save(last=state(step), best=state(1) if step == 1 else None)
            assert checkpoints.wait()
    checkpoints.save(last=state(3))
    assert checkpoints.wait() is None
    for path, step in ((checkpoints.best, 1), (checkpoints.last, 3)):
        found = load_checkpoint(path)
        assert found["step"] == int(found["small"]) == step
        assert all(
            torch.equal(part, same) for part, same in zip(found["pair"], state(step)["pair"], strict=True)
        )


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_the_digest_does_not_depend_on_how_an_archive_is_written(size: int, tmp_path: Path) -> None:
    archive, written = io.BytesIO(), io.BytesIO()
    torch.save({"format": 1, **state(1)}, archive)
    digested, content = DigestedFile(written), memoryview(archive.getvalue())
    for start in count(0, size):
        if not (part := content[start : start + size]):
            break
        assert digested.write(part) == len(part)
        if start > 4000:
            digested.write(content[start + size :])
            break
    digested.close_with_comment()
    assert written.getvalue() == packed(state(1))
    assert unpacked(written.getvalue(), tmp_path)["step"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_is_full_in_the_middle_is_an_error_of_the_file() -> None:
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        write_checkpoint(file, state(1))
