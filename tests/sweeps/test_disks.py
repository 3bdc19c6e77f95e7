"""A sweep's folder that cannot be written, or has lost what is not needed: one line, and no job lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    path = sweep / "sweep.json"
    whole = path.read_bytes()
    for left in (b"", b"config: [", b"\xff", whole[: len(whole) // 2]):
        path.write_bytes(left) if left else path.unlink()
        for job in ("seed=1", "seed=2"):
            shutil.rmtree(sweep / job, ignore_errors=True)
        if left:
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


ON_A_SMALL_DISK = """
mkdir small && mount -t tmpfs -o size=$1k tmpfs small || exit 99
shift
python=$1; shift
$python -m sweepboard -m "$@" output_root=small sweep.name=s > said.txt 2>&1
echo $? > code.txt
mount -o remount,size=60m small
$python -m sweepboard resume small/sweeps/s $FAILED > resumed.txt 2>&1
echo $? > resumed-code.txt
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts")
@pytest.mark.parametrize("kilobytes", [20, 150, 2000])
@pytest.mark.parametrize("words", [("seed=1,2", "sweep.jobs=1"), SEARCH], ids=["grid", "search"])
def test_a_full_disk_is_told_and_made_up_for(tmp_path: Path, kilobytes: int, words: tuple[str, ...]) -> None:
    failed = "" if words is SEARCH else "--failed"
    command = ["unshare", "-m", "sh", "-c", ON_A_SMALL_DISK, "sh", str(kilobytes), sys.executable]
    subprocess.run(
        [*command, *TINY, "dataset=gaussian", *words], cwd=tmp_path, check=True, timeout=300,
        env={**os.environ, "FAILED": failed},
    )  # fmt: skip
    said, resumed = (tmp_path / "said.txt").read_text(), (tmp_path / "resumed.txt").read_text()
    assert "Traceback" not in said + resumed
    assert (tmp_path / "code.txt").read_text().strip() in ("0", "1", "2"), said
    if words is not SEARCH:  # in a search a trial that has failed is one
        assert "2 finished" in resumed
        assert (tmp_path / "resumed-code.txt").read_text().strip() == "0"
