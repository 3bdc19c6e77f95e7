"""A sweep's folder that cannot be written, or has lost what is not needed: one line, and no job lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import TINY, Command

SEARCH = ("hydra/sweeper=optuna", "hydra.sweeper.trials=1", "optimizer.lr=interval(0.001,0.1)")


@pytest.mark.parametrize(
    "words", [("seed=1,2",), ("seed=1,2", "sweep.name=x"), SEARCH], ids=["grid", "named", "search"]
)
@pytest.mark.parametrize("root", ["file/below", "/proc/none"])
def test_a_sweep_that_cannot_make_its_folder_is_one_line(
    words: tuple[str, ...], root: str, command: Command
) -> None:
    Path("file").write_text("")
    said = command("-m", *TINY, "dataset=gaussian", f"output_root={root}", *words, code=2)
    assert "cannot be written" in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


@pytest.mark.slow
def test_jobs_run_without_multirun_yaml(command: Command) -> None:
    import shutil

    command("-m", *TINY, "dataset=gaussian", "seed=1,2", "hydra.sweep.dir=sweep")
    for damage in (None, "hydra: 5", "a: &a [*a]"):
        Path("sweep/multirun.yaml").unlink(missing_ok=True)
        if damage is not None:
            Path("sweep/multirun.yaml").write_text(damage)
        shutil.rmtree("sweep/seed=2")
        command("resume", "sweep")
        assert json.loads(Path("sweep/seed=2/run.json").read_text())["status"] == "finished"


@pytest.mark.slow
def test_a_plan_that_was_cut_short_is_completed(command: Command) -> None:
    import shutil

    words = ("-m", *TINY, "dataset=gaussian", "seed=1,2", "sweep.name=s")
    command(*words)
    sweep = Path("outputs/sweeps/s")
    for path in (sweep / "sweep.json", sweep / "plan" / "seed=2.yaml"):
        for left in (b"", b"config: [", b"\xff"):
            path.write_bytes(left) if left else path.unlink()
            if path.name != "sweep.json":
                (sweep / "sweep.json").unlink()
            for job in ("seed=1", "seed=2"):
                shutil.rmtree(sweep / job, ignore_errors=True)
            if path.name == "sweep.json" and left:
                assert "sweep.json cannot be read" in command(*words, code=2).line
                path.unlink()
            for rest in [each for each in sweep.iterdir() if each.name not in ("plan", ".lock")]:
                rest.unlink() if rest.is_file() else shutil.rmtree(rest)
            command(*words)
            assert json.loads((sweep / "seed=2" / "run.json").read_text())["status"] == "finished"


def test_a_frozen_search_that_was_cut_is_one_line(command: Command) -> None:
    command("-m", *TINY, "dataset=gaussian", "hydra.sweep.dir=search", *SEARCH)
    whole = Path("search/search.yaml").read_text()
    start = whole.index("${")
    for left in (whole[: start + 2], whole[: start + 3], whole[: whole.index("\n", start)], whole[:40]):
        Path("search/search.yaml").write_text(left)
        assert "search.yaml" in command("resume", "search", code=2).line
