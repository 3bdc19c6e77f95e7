"""A run folder from someone else: nothing in it is executed, nothing outside it is written."""

from __future__ import annotations

import io
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import sweepboard
from sweepboard.errors import NotAllowed
from sweepboard.settings import DatasetSettings
from sweepboard.trust.allowlist import refuse_untrusted
from tests.command import TINY, Command, change_record, only_run, record_of
from tests.trust.attacks import edit_config

VERBS = ("rerun", "resume", "test", "verify", "export")


class Bomb:
    """Unpickled, it leaves a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("exploded"),)


@pytest.fixture
def run(command: Command) -> Path:
    """A finished run whose signature is no longer this user's."""
    command(*TINY)
    return only_run(Path("outputs"))


EVIL = {
    "os.system": {"_target_": "os.system", "command": "touch exploded"},
    "torch.load": {"_target_": "torch.load", "f": "x"},
    "torch.hub.load": {"_target_": "torch.hub.load", "repo_or_dir": "x", "model": "y"},
    "a module of a library": {"_target_": "torch.nn.modules.module.os.system", "command": "touch exploded"},
    "a writer of ours": {"_target_": "sweepboard.files.write_atomic", "path": "exploded", "content": "x"},
    "below an allowed one": {
        "_target_": "torch.nn.Sequential",
        "_args_": [{"_target_": "builtins.open", "file": "exploded", "mode": "w"}],
    },
    "no text": {"_target_": ["os", "system"]},
}  # fmt: skip


@pytest.mark.parametrize("model", EVIL.values(), ids=EVIL.keys())
@pytest.mark.parametrize("verb", VERBS)
def test_an_evil_target_is_refused_by_its_key(
    verb: str, model: dict[str, Any], run: Path, command: Command
) -> None:
    edit_config(run, model=model)
    said = command(verb, str(run), code=2)
    assert said.line.startswith("sweepboard: model.")
    assert "_target_" in said.line
    assert not Path("exploded").exists()


def test_load_model_refuses_too(run: Path) -> None:
    edit_config(run, model=EVIL["os.system"])
    with pytest.raises(NotAllowed, match=r"model\._target_"):
        sweepboard.load_model(run)
    assert not Path("exploded").exists()


def test_parts_of_experiments_are_built_and_packages_can_be_allowed(run: Path, command: Command) -> None:
    edit_config(run, optimizer__weight_decay=0.1)
    command("rerun", str(run))
    Path("theirs.py").write_text("from sweepboard.models.linear import Linear\n")
    edit_config(run, model___target_="theirs.Linear")
    assert "add --allow theirs" in command("rerun", str(run), code=2).line
    command("rerun", str(run), "--allow", "theirs")
    # What is typed now is the user's own word.
    command("rerun", str(run), "model._target_=theirs.Linear")


@pytest.mark.parametrize(
    "target",
    ["torch.nn.Linear", "torch.optim.SGD", "torch.optim.lr_scheduler.StepLR", "torchvision.models.resnet18",
     "torchvision.datasets.FakeData", "sweepboard.models.CNN"],
)  # fmt: skip
def test_allowed(target: str) -> None:
    refuse_untrusted({"model": {"_target_": target}})


def test_data_outside_is_not_read_on_a_strangers_word(run: Path, command: Command) -> None:
    shared = {**asdict(DatasetSettings()), "batch_size": 4}
    theirs = {"_target_": "torchvision.datasets.MNIST", "root": "/etc", "download": True}
    edit_config(run, dataset=shared | theirs)
    assert "dataset.root: /etc is not read" in command("rerun", str(run), code=2).line


def test_hydra_settings_of_the_folder_are_never_run(run: Path, command: Command) -> None:
    hydra = {"hydra": {"callbacks": {"x": EVIL["os.system"]}, "job": {"env_set": {"EVIL": "1"}}}}
    (run / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(hydra))
    edit_config(run, hydra=hydra["hydra"])
    said = command("rerun", str(run), code=2)
    assert "hydra" in said.line
    assert not Path("exploded").exists()


def test_links_out_of_the_folder_are_not_written_through(run: Path, command: Command) -> None:
    victim = Path("victim")
    victim.write_text("mine")
    (run / "train.log").unlink()
    (run / "train.log").symlink_to(victim.resolve())
    assert "train.log is a symbolic link" in command("resume", str(run), "trainer.epochs=3", code=2).line
    assert "is a symbolic link" in command("test", str(run), code=2).line
    assert victim.read_text() == "mine"


def damaged(content: bytes, how: str) -> bytes:
    """A checkpoint after an accident, or from a stranger."""
    if how == "flipped":
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    if how == "truncated":
        return content[: len(content) // 2]
    if how == "pickle":
        return pickle.dumps(Bomb())
    if how in ("torch pickle", "foreign"):
        buffer = io.BytesIO()
        torch.save({"model": Bomb() if how == "torch pickle" else torch.zeros(3)}, buffer)
        return buffer.getvalue()
    return b""


@pytest.mark.parametrize("how", ["flipped", "truncated", "empty", "foreign", "pickle", "torch pickle"])
def test_a_damaged_checkpoint_is_reported_and_the_previous_one_used(how: str, command: Command) -> None:
    command(*TINY, "trainer.checkpoint.every_steps=4")
    run = only_run(Path("outputs"))
    sha = record_of(run)["weights_sha256"]
    last = run / "checkpoints" / "last.pt"
    last.write_bytes(damaged(last.read_bytes(), how))
    change_record(run, status="interrupted")
    said = command("resume", str(run))
    assert "last.pt" in said.err
    assert "going on from the previous one" in said.err
    assert record_of(run)["weights_sha256"] == sha
    assert not Path("exploded").exists()


def test_with_no_checkpoint_left_whole_the_run_is_not_started_over_silently(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    for path in (run / "checkpoints").glob("last*.pt"):
        path.write_bytes(b"")
    assert "last.pt" in command("resume", str(run), "trainer.epochs=3", code=1).line


def test_a_checkpoint_of_another_model_is_refused(command: Command) -> None:
    command(*TINY, "hydra.run.dir=other", "model=mlp")
    command(*TINY, "hydra.run.dir=run")
    (Path("run") / "checkpoints" / "last.pt").write_bytes(
        (Path("other") / "checkpoints" / "last.pt").read_bytes()
    )
    (Path("run") / "checkpoints" / "last.previous.pt").unlink()
    line = command("resume", "run", "trainer.epochs=3", code=2).line
    foreign = "sweepboard: run/checkpoints/last.pt is of another run: put this run's own checkpoint back"
    assert line == foreign
    assert command("test", "run", "--checkpoint", "last", code=2).line == foreign
