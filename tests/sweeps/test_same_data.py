"""A job begins with the data that the jobs before it began with, or it does not begin."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from sweepboard.runs.resume import Changed
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan_file import DamagedSweep
from sweepboard.sweeps.same_data import refuse_other_content
from tests.command import Command, change_record, record_of

NUMBERS = """
import numpy as np, torch
from torch.utils.data import TensorDataset
def numbers():
    saved = np.load("numbers.npz")
    return TensorDataset(torch.from_numpy(saved["x"]), torch.from_numpy(saved["y"]))
"""
OWN = [
    "dataset={_target_: own_numbers.numbers, classes: 2, test: null}",
    "model=linear",
    "threads=1",
    "trainer.epochs=1",
    "logging=minimal",
]
SWEEP = Path("sweep")


def write_numbers(seed: int, count: int = 40) -> None:
    draw = np.random.default_rng(seed)
    np.savez("numbers.npz", x=draw.normal(size=(count, 3)).astype("f4"), y=np.arange(count) % 2)


@pytest.fixture
def swept(command: Command) -> Path:
    """A sweep of three jobs by Hydra's own launcher, of which the second is done, and the others are not."""
    Path("own_numbers.py").write_text(NUMBERS)
    write_numbers(0)
    command("-m", *OWN, "seed=0,1,2", "hydra/launcher=basic", "hydra.sweep.dir=sweep")
    for label in ("seed=0", "seed=2"):
        shutil.rmtree(SWEEP / label)
    return SWEEP


def test_a_job_does_not_begin_with_other_data(command: Command, swept: Path) -> None:
    first = record_of(swept / "seed=1")["data_content"]
    write_numbers(1)
    said = command("resume", "sweep", code=1).out
    assert f"data: {first[:12]} -> " in said
    assert "`sweepboard resume sweep --accept-changes` to begin it all the same" in said
    assert [path.parent.name for path in swept.glob("*/run.json")] == ["seed=1"], "they have not begun"
    assert "2 waiting" not in command("resume", "sweep", "--accept-changes").out
    other = {record_of(swept / f"seed={seed}")["data_content"] for seed in (0, 2)}
    assert len(other) == 1
    assert other != {first}
    assert all("begins with other data" in (swept / f"seed={seed}/train.log").read_text() for seed in (0, 2))
    shutil.rmtree(swept / "seed=0")
    command("resume", "sweep")  # what was accepted once is known


def test_another_launcher_does_not_begin_it_either(command: Command, swept: Path) -> None:
    write_numbers(1)
    words = ["-m", *OWN, "seed=0,1,2", "hydra/launcher=basic", "hydra.sweep.dir=sweep"]
    assert "data: " in command(*words, code=1).out
    assert not (swept / "seed=0/run.json").exists()
    write_numbers(0)
    command(*words)


def test_a_job_cut_short_before_it_knew_its_data_is_looked_at_too(command: Command, swept: Path) -> None:
    unknown = {"data_content": "", "data_fingerprint": ""}
    change_record(swept / "seed=1", status="interrupted", step=0, **unknown)
    shutil.rmtree(swept / "seed=1/checkpoints")
    write_numbers(1)
    assert "data: " in command("resume", "sweep", code=1).out
    assert record_of(swept / "seed=1")["data_content"] == ""


def test_settings_of_use_are_no_other_data_set_and_others_are(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path)
    sweep.data.parent.mkdir()

    def refuse(content: str, accept: bool = False, sizes: Mapping[str, int] = {}, **settings: object) -> None:
        refuse_other_content(sweep, {"dataset": {"_target_": "a.B", **settings}}, content, sizes, accept)

    refuse("")
    assert not sweep.data.exists(), "of what cannot be told nothing is known"
    refuse("", sizes={"train": 40, "test": 5})
    refuse("", sizes={"train": 30, "val": 10, "test": 5}, val_fraction=0.25)
    with pytest.raises(Changed, match=r"data: 40 train, 5 test -> 50 train, 5 test: not what"):
        refuse("", sizes={"train": 50, "test": 5})
    refuse("one", root="here", batch_size=4)
    refuse("two", root="there", batch_size=4)
    refuse("one", root="here", batch_size=8, val_fraction=0.5)
    with pytest.raises(Changed, match="data: one -> two"):
        refuse("two", root="here")
    refuse("two", root="here", accept=True)
    refuse("one", root="here")
    refuse("two", root="here")
    refuse("", root="here")
    for damage in ("{", "[]", '{"a": 5}'):
        sweep.data.write_text(damage)
        with pytest.raises(DamagedSweep, match=r"data\.json cannot be read: .*remove it"):
            refuse("one", root="here")


def test_an_interrupted_trial_of_a_search_does_not_go_on_with_other_data(command: Command) -> None:
    Path("own_numbers.py").write_text(NUMBERS)
    write_numbers(0)
    search = ["hydra/sweeper=optuna", "hydra.sweeper.trials=1", "hydra.sweep.dir=sweep"]
    command("-m", *OWN, *search, "optimizer.lr=interval(0.1,1)")
    (trial,) = SWEEP.glob("*/run.json")
    change_record(trial.parent, status="interrupted")
    journal = SWEEP / "study.journal"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))  # no end was told
    before = (SWEEP / "search.yaml").stat().st_mtime_ns
    write_numbers(0, 50)
    line = command("resume", "sweep", "hydra.sweeper.trials=2", code=2).line
    assert f"in {trial.parent.name}: sweep/{trial.parent.name}: train samples: 40 -> 50" in line
    assert (SWEEP / "search.yaml").stat().st_mtime_ns == before
    write_numbers(0)
    Path("own_numbers.py").write_text(f"{NUMBERS}# other")
    assert "own_numbers (code): " in command("resume", "sweep", code=2).line
    command("resume", "sweep", "--accept-changes")
