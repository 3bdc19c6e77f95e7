"""Runs that begin with the weights of a file or of another run: recorded, resumed, repeated, swept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import sweepboard
from sweepboard.training.checkpoint import weights_sha256
from tests.command import TINY, Command, only_run, record_of

TINY_RUN = [*TINY, "dataset=gaussian", "model=mlp", "model.hidden=[4]"]
FIRST, SECOND = Path("first"), Path("second")


@pytest.fixture
def first(command: Command) -> Path:
    """A run to begin with."""
    command(*TINY_RUN, f"hydra.run.dir={FIRST}", "optimizer.lr=0.1")
    return FIRST


def second(command: Command, *more: str, code: int = 0) -> str:
    frozen = "optimizer._target_=torch.optim.SGD", "optimizer.lr=1e-30"
    return command(*TINY_RUN, f"hydra.run.dir={SECOND}", *frozen, *more, code=code).err


def test_a_run_begins_with_the_weights_of_another(first: Path, command: Command) -> None:
    second(command, f"weights.path={first}", "weights.checkpoint=last")
    assert record_of(SECOND)["weights_sha256"] == record_of(first)["weights_sha256"]
    assert len(record_of(SECOND)["weights"]["weights.path"]) == 64
    said = "weights: 4 of 4 tensors of the model are from first/checkpoints/last.pt\n"
    assert (SECOND / "train.log").read_text().count(said) == 1
    row = command("compare", str(FIRST), str(SECOND)).out
    assert "first" in row.splitlines()[2]  # the column weights.path, by its short name
    assert "path" in row.splitlines()[0].split()


def test_what_is_exported_or_saved_by_torch_is_read_back(first: Path, command: Command) -> None:
    command("export", str(first), "--output", "model.safetensors")
    second(command, "weights.path=model.safetensors")
    assert record_of(SECOND)["weights_sha256"] == weights_sha256(sweepboard.load_model(first))
    torch.save(sweepboard.load_model(first).state_dict(), "model.pth")
    command(*TINY_RUN, "-m", "weights.path=model.pth,model.safetensors", "sweep.name=files")
    digests = {
        record_of(run.parent)["weights_sha256"] for run in Path("outputs/sweeps/files").rglob("run.json")
    }
    assert len(digests) == 1  # both began alike
    jobs = sorted(path.name for path in Path("outputs/sweeps/files").glob("weights*"))
    assert jobs == ["weights.path=model.pth", "weights.path=model.safetensors"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["weights.path=nowhere.pth"], "weights.path: nowhere.pth is not here; type the path of a file"),
        (["weights.path=outputs"], "weights.path: outputs is no run folder (it has no run.json)"),
        (["weights.path=first", "model.hidden=[5]"], "weights.exclude=[layers.1.*,layers.3.*]"),
        (
            ["weights.path=first", "weights.checkpoint=first"],
            "weights.checkpoint=first: choose from best, last",
        ),
    ],
)
def test_weights_that_do_not_fit_are_told_before_a_folder_is_made(
    words: list[str], told: str, first: Path, command: Command
) -> None:
    Path("outputs").mkdir()
    said = second(command, *words, code=2)
    assert said.count("\n") == 1
    assert told in said
    assert not SECOND.exists()


def test_a_run_without_best_weights_says_which_it_has(first: Path, command: Command) -> None:
    (first / "checkpoints" / "best.pt").unlink()
    assert "it has a last one: type weights.checkpoint=last" in second(
        command, f"weights.path={first}", code=2
    )


def test_a_damaged_checkpoint_is_told(first: Path, command: Command) -> None:
    path = first / "checkpoints" / "best.pt"
    path.write_bytes(path.read_bytes().replace(b"layers", b"lawers"))
    assert "is damaged: its content does not match its SHA-256" in second(
        command, f"weights.path={first}", code=2
    )


def test_resume_and_test_read_the_file_no_more(first: Path, command: Command) -> None:
    second(command, f"weights.path={first}")
    command("verify", str(SECOND))
    shutil.rmtree(first)
    command("resume", str(SECOND), "trainer.epochs=3")
    assert record_of(SECOND)["step"] == 18
    assert "weights.path: first is not here" in command("rerun", str(SECOND), code=2).err


def test_a_run_that_never_saved_begins_with_them_again(first: Path, command: Command) -> None:
    second(command, f"weights.path={first}", "weights.checkpoint=last")
    shutil.rmtree(SECOND / "checkpoints")
    record = SECOND / "run.json"
    from tests.command import change_record

    change_record(SECOND, status="interrupted", checkpointed=False)
    before = record_of(SECOND)["weights_sha256"]
    command("resume", str(SECOND))
    assert record.is_file()
    assert record_of(SECOND)["weights_sha256"] == before


def test_a_rerun_with_another_file_is_told(first: Path, command: Command) -> None:
    second(command, f"weights.path={first}")
    command("resume", str(first), "trainer.epochs=3", "dataset.in_memory=false")
    torch.save({"model": sweepboard.load_model(first, "last").state_dict()}, "other.pth")
    shutil.move("other.pth", "file.pth")
    command(*TINY_RUN, "hydra.run.dir=third", "weights.path=file.pth")
    torch.save(
        {"model": {name: one + 1 for name, one in torch.load("file.pth")["model"].items()}}, "file.pth"
    )
    said = command("rerun", "third").out
    assert "weights.path (file):" in said
    assert "other numbers are to be expected, because of weights.path (file)" in said
    assert "weights.path (file):" in command("verify", "third", code=1).out
    only_run(Path("third"))
