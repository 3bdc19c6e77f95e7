"""`sweepboard.script`: a script whose training stands at its top, without a function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sweepboard.board.scalar_reader import read_scalars
from tests.command import Command, Said, change_record, record_of

BEGIN = "import sweepboard\ncfg, run = sweepboard.script()\n"
WORDS = ("program._target_=mine.__main__", "program.file=mine.py", "hydra.run.dir=run")


@pytest.fixture
def script(tmp_path: Path, command: Command) -> Command:
    """`script(code, *words)`: run the whole of `mine.py`, as a job of a sweep or `resume` does."""

    def run(code: str, *words: str, exit_code: int = 0) -> Said:
        (tmp_path / "work" / "mine.py").write_text(code)
        return command(*WORDS, *words, code=exit_code)

    return run


@pytest.mark.parametrize("end", ["", "raise SystemExit", "raise SystemExit(0)"])
def test_it_is_run_to_its_end(end: str, script: Command) -> None:
    script(f"{BEGIN}run.log({{'val/loss': cfg.lr}}, 3)\n{end}", "+lr=0.5")
    record = record_of(Path("run"))
    assert (record["status"], record["metrics"]) == ("finished", {"val/loss": 0.5})


def test_what_its_guard_holds_back_runs_too(script: Command) -> None:
    script(f"{BEGIN}if __name__ == '__main__': run.log({{'val/loss': 1}}, 1)")
    assert record_of(Path("run"))["metrics"] == {"val/loss": 1.0}


def test_an_error_is_shown_from_its_own_line_on(script: Command) -> None:
    said = script(f"{BEGIN}nothing", exit_code=1)
    assert "runpy" not in said.err
    assert "NameError: name 'nothing' is not defined" in said.err
    assert record_of(Path("run"))["status"] == "failed"


def test_an_exit_code_of_its_own_is_a_failure(script: Command) -> None:
    script(f"{BEGIN}raise SystemExit(3)", exit_code=1)
    assert record_of(Path("run"))["status"] == "failed"


def test_no_python_is_one_line_before_any_folder(script: Command) -> None:
    line = script(f"{BEGIN}for", exit_code=2).line
    assert line.startswith("sweepboard: program.file: mine.py cannot be run: ")
    assert not Path("run").exists()


def test_it_goes_on_from_what_it_saved(script: Command, command: Command) -> None:
    script(
        f"{BEGIN}from torch.utils.tensorboard import SummaryWriter\n"
        "writer, first = SummaryWriter(), (run.resumed or {'next': 0})['next']\n"
        "for step in range(first, 4):\n"
        "    writer.add_scalar('loss', step, step)\n"
        "    run.save({'next': step + 1}, step + 1)\n"
        "    if step == 1 and first == 0: raise KeyboardInterrupt\n",
        exit_code=130,
    )
    assert record_of(Path("run"))["status"] == "interrupted"
    command("resume", "run")
    assert read_scalars(Path("run"))["loss"].steps.tolist() == [0, 1, 2, 3]


def test_someone_elses_is_not_run(script: Command, command: Command) -> None:
    script(f"{BEGIN}from pathlib import Path\nPath('ran').write_text('x')\nrun.save({{}}, 1)")
    Path("ran").unlink()
    change_record(Path("run"), signature="", status="interrupted")
    assert "program._target_: mine.__main__ is not built" in command("resume", "run", code=2).line
    line = command("resume", "run", "--allow", "mine", code=2).line
    assert "program.file: mine.py is not read on the word of a run folder that is not yours" in line
    assert "mine.__main__ is not built" in command("resume", "run", "program.file=mine.py", code=2).line
    assert not Path("ran").exists()
    command("resume", "run", "--allow", "mine", "program.file=mine.py")
    assert Path("ran").exists()


@pytest.mark.parametrize("target", ["mine.__main__", "mine.train"])
def test_a_script_in_someone_elses_folder_is_not_run_though_its_name_is_allowed(
    target: str, script: Command, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    function = "def train(cfg, run): run.save({}, 1)"
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "mine.py").write_text(function)
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    own = (
        f"{BEGIN}run.save({{}}, 1)" if target.endswith("__main__") else "def train(cfg, run): run.save({}, 1)"
    )
    script(own, f"program._target_={target}")
    change_record(Path("run"), signature="", status="interrupted")
    inside = Path("run", "mine.py").absolute()
    inside.write_text("from pathlib import Path\nPath('ran').touch()\ndef train(cfg, run): pass")
    config = Path("run/config.yaml")
    config.write_text(config.read_text().replace("file: mine.py", f"file: {inside}"))
    line = command("resume", "run", "--allow", "mine", code=2).line
    assert "mine.py is not read on the word of a run folder that is not yours" in line
    assert not Path("ran").exists()


def python(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_elsewhere_it_says_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BEGIN)
    for words in (("-c", "import sweepboard; sweepboard.script()"), ("-c", "import mine")):
        done = python(*words, folder=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("sweepboard: sweepboard.script: is for a script that Python runs")


@pytest.mark.slow
def test_a_worker_that_imports_the_script_starts_no_run_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        f"{BEGIN}import multiprocessing\n"
        "context = multiprocessing.get_context('spawn')\n"
        "worker = context.Process(target=print, args=('in a worker',))\n"
        "worker.start(); worker.join(); run.log({'code': worker.exitcode}, 1)\n"
    )
    done = python("mine.py", "hydra.run.dir=run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "a worker imports this script" in (tmp_path / "run" / "train.log").read_text() + done.stderr
    assert record_of(tmp_path / "run")["metrics"] == {"code": 2.0}
    assert not (tmp_path / "outputs").exists()
