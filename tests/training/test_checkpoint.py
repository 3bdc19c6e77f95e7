"""A checkpoint is there whole, or the one before it is; a damaged one is told and never opened."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.checkpoint_file import DamagedCheckpoint, load_checkpoint, packed
from sweepboard.training.loop_state import LoopState


def state(step: int) -> dict[str, Any]:
    """A state of the loop, without what the parts of a real one hold."""
    weights = {"weights": torch.full((100,), float(step))}
    metrics: dict[str, float] = {}
    return LoopState(
        step=step,
        total_steps=step,
        log_from=step,
        due=False,
        learner=weights,
        data={},
        monitor={},
        train_metrics=metrics,
        val_metrics=metrics,
        test_metrics=metrics,
        samples_per_second=0.0,
        seconds=0.0,
        busy=0.0,
        callbacks={},
        random={},
    ).to_dict()


def saved(folder: Path, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(folder)
    for step in steps:
        checkpoints.save(last=state(step))
    assert checkpoints.wait() is None
    return checkpoints


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_last_previous_and_best(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path / "checkpoints", 1, 2, 3)
    checkpoints.save(best=state(7))
    assert checkpoints.wait() is None
    steps = [
        load_checkpoint(path)["step"] for path in (checkpoints.last, checkpoints.previous, checkpoints.best)
    ]
    assert steps == [3, 2, 7]
    assert names(tmp_path / "checkpoints") == ["best.pt", "last.previous.pt", "last.pt"]


def test_any_tool_can_open_it(tmp_path: Path) -> None:
    path = saved(tmp_path, 4).last
    assert torch.load(path, weights_only=True)["step"] == 4
    assert torch.load(path, weights_only=True, mmap=True)["step"] == 4
    with zipfile.ZipFile(path) as archive:
        assert archive.comment.startswith(b"sha256:")
        assert archive.testzip() is None


def test_nothing_saved_is_no_state(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path).load() is None


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return os.mkdir, ("executed",)


def signed_again(content: bytes) -> bytes:
    """What someone would do who wants a changed checkpoint to look undamaged."""
    archive = content[:-71]
    return archive + b"sha256:" + hashlib.sha256(archive).hexdigest().encode()


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "is cut short, or no checkpoint of sweepboard"),
    "truncated": (lambda content: content[: len(content) // 2], "is cut short"),
    "cut at the end": (lambda content: content[:-1], "is cut short"),
    "flipped in the middle": (
        lambda c: c[: len(c) // 2] + bytes([c[len(c) // 2] ^ 1]) + c[len(c) // 2 + 1 :],
        "is damaged: its content does not match its SHA-256",
    ),
    "flipped in the digest": (
        lambda c: c[:-1] + bytes([c[-1] ^ 1]),
        "is damaged: its content does not match its SHA-256",
    ),
    "a pickle": (lambda _: pickle.dumps(Evil()), "is cut short, or no checkpoint of sweepboard"),
    "a pickle inside": (lambda _: packed({"step": 1, "evil": Evil()}), "holds more than tensors and numbers"),
    "garbage, signed": (lambda c: signed_again(b"x" * len(c)), "holds more than tensors and numbers"),
    "of a later version": (
        lambda _: packed({"step": 1, "format": 99}),
        "is of another version of sweepboard",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_and_the_previous_one_used(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damage, message = DAMAGES[name]
    checkpoints = saved(tmp_path, 1, 2)
    checkpoints.last.write_bytes(damage(checkpoints.last.read_bytes()))
    with pytest.raises(DamagedCheckpoint, match=f"last.pt {message}"):
        load_checkpoint(checkpoints.last)
    recovered = checkpoints.load()
    assert recovered is not None
    assert recovered.step == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "last.pt" in caplog.text
    assert "going on from the previous one, step 1" in caplog.text
    saved(tmp_path, 3)
    assert load_checkpoint(checkpoints.previous)["step"] == 1
    for path in (checkpoints.last, checkpoints.previous):
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedCheckpoint, match=f"last.pt {message}"):
        checkpoints.load()
    assert not Path("executed").exists()


class Killed(BaseException):
    pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_killed_between_any_two_file_operations(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was the last thing that reached the disk, the state is the old one or the new one."""
    operations = 0
    last_operation = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal operations
            operations += 1
            if operations > last_operation:
                raise Killed
            if function is real_link and not links:
                raise OSError(errno.EPERM, "no links here")
            return function(*args, **kwargs)

        return call

    real_link = os.link
    for owner, name in ((os, "link"), (os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    seen = set()
    for last_operation in range(30):
        folder = tmp_path / str(last_operation)
        os.mkdir(folder)  # noqa: PTH102 (Path.mkdir is counted)
        for path, step in ((folder / "last.pt", 2), (folder / "last.previous.pt", 1)):
            path.write_bytes(packed(state(step)))
        checkpoints, operations = Checkpoints(folder), 0
        checkpoints.save(last=state(3))
        checkpoints.wait()
        finished = operations <= last_operation
        recovered = Checkpoints(folder).load()
        assert recovered is not None
        seen.add(recovered.step)
        if finished:
            break
    assert seen == {2, 3}
    assert finished


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = saved(tmp_path, 0, 1)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:

        def fsync(_: int) -> None:
            raise full

        patch.setattr(os, "fsync", fsync)
        for step in (2, 3):
            checkpoints.save(last=state(step))
            assert checkpoints.wait()
    assert [record.getMessage() for record in caplog.records] == [
        f"checkpoint not saved: {tmp_path / 'last.pt'}: No space left on device (the one before is untouched)"
    ]
    assert load_checkpoint(checkpoints.last)["step"] == 1
    assert load_checkpoint(checkpoints.previous)["step"] == 0
    checkpoints.save(last=state(4))
    assert checkpoints.wait() is None
    assert load_checkpoint(checkpoints.last)["step"] == 4
    assert names(tmp_path) == ["last.previous.pt", "last.pt"]


def test_a_deleted_run_folder_is_not_made_again(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "gone" / "checkpoints")
    checkpoints.save(last=state(1))
    assert checkpoints.wait()
    assert not (tmp_path / "gone").exists()


def test_what_could_not_be_loaded_again_is_told_at_the_first_save(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(last={"step": step, "path": tmp_path})
    checkpoints.wait()
    assert [record.getMessage() for record in caplog.records] == [
        f"this run will not be able to resume: {checkpoints.last} holds more than tensors and numbers, "
        "and was not opened"
    ]


def test_leftovers_are_removed(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1)
    (tmp_path / ".partial.x.tmp").write_bytes(b"half")
    checkpoints.clean()
    assert names(tmp_path) == ["last.pt"]


def test_weights_digest_sees_everything_but_layout() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    digest = weights_sha256(model)
    model.to(memory_format=torch.channels_last)
    assert weights_sha256(model) == digest
    model.get_buffer("1.running_mean")[0] += 1e-6
    changed = weights_sha256(model)
    model.double()
    assert len({digest, changed, weights_sha256(model)}) == 3


def test_training_may_go_on_while_a_checkpoint_is_written(tmp_path: Path) -> None:
    """What is saved is the state of that moment, in the layout that it has."""
    checkpoints = Checkpoints(tmp_path)
    for _ in range(20):
        weights, steps = torch.ones(200, 3, 8, 8).to(memory_format=torch.channels_last), [0]
        checkpoints.save(last={"step": 1, "weights": weights, "momenta": {0: (steps, weights)}})
        weights.zero_()
        steps[0] = 1
        checkpoints.wait()
        found = load_checkpoint(checkpoints.last)
        assert found["weights"].is_contiguous(memory_format=torch.channels_last)
        assert found["momenta"][0][0] == [0]
        assert found["weights"].min() == found["momenta"][0][1].min() == 1


def test_a_state_that_no_file_can_hold_is_not_passed_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(last={"step": 1, "rule": lambda step: step})
    with pytest.raises(AttributeError, match="lambda"):
        checkpoints.wait()
