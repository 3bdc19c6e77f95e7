"""One command, one trained run, one finished board."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from sweepboard.board.event_reader import read_hparams
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.cli.summary import program
from sweepboard.runs.folder import claim
from tests.command import TINY, Command, only_run, record_of

VOCABULARY = {
    "train/loss", "train/accuracy", "val/loss", "val/accuracy", "test/loss", "test/accuracy",
    "test_best/loss", "test_best/accuracy", "val_best/loss", "val_best/accuracy",
    "train/lr", "train/epoch", "train/samples_per_second",
}  # fmt: skip


def test_a_run_folder_is_a_complete_record_and_a_board(command: Command) -> None:
    said = command(*TINY)
    run = only_run(Path("outputs"))
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    for name in (
        "config.yaml", "run.json", "environment.json", "train.log",
        "checkpoints/last.pt", "checkpoints/best.pt",
        ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml",
    ):  # fmt: skip
        assert name in names
    curves = read_scalars(run)
    assert set(curves) == VOCABULARY
    assert curves["train/loss"].steps.tolist() == [2, 4, 6, 8, 10, 12]
    assert curves["val/loss"].steps.tolist() == [6, 12]
    assert curves["train/epoch"].values.tolist()[-1] == 2
    row = read_hparams(run)
    assert row is not None
    assert row.status == "finished"
    assert row.hparams["model"] == "linear"
    assert "seed" not in row.hparams
    record = record_of(run)
    assert (record["status"], record["step"], record["total_steps"]) == ("finished", 12, 12)
    assert record["metrics"]["test/accuracy"] == pytest.approx(float(curves["test/accuracy"].values[-1]))
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["device"], config["threads"], config["model"]["outputs"]) == ("cpu", 1, 10)
    assert "epoch 1/2  step 6" in said.out
    assert "epoch 1/2  step 6" in (run / "train.log").read_text()
    assert said.out.splitlines()[-1] == f"board: {program()} board"


def test_seeds_are_one_group_and_other_settings_are_another(command: Command) -> None:
    for overrides in (["seed=1"], ["seed=2"], ["optimizer.lr=0.01"]):
        command(*TINY, *overrides)
    rows = [read_hparams(path.parent) for path in sorted(Path("outputs").rglob("run.json"))]
    groups = [row.group for row in rows if row is not None]
    assert len(groups) == 3
    assert groups[0] == groups[1] != groups[2]


def test_logging_none_leaves_no_event_file_and_the_same_weights(command: Command) -> None:
    command(*TINY, "output_root=loud")
    command(*TINY, "output_root=quiet", "logging=none")
    assert not list(Path("quiet").rglob("*tfevents*"))
    shas = {record_of(only_run(Path(root)))["weights_sha256"] for root in ("loud", "quiet")}
    assert len(shas) == 1


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_what_was_logged(command: Command) -> None:
    said = command(*TINY, "optimizer=sgd", "optimizer.lr=1e38", code=1)
    run = only_run(Path("outputs"))
    assert said.line.startswith("sweepboard: loss became non-finite at step ")
    assert "learning rate 1e+38" in said.line
    record = record_of(run)
    assert record["status"] == "failed"
    assert record["reason"] in said.line
    row = read_hparams(run)
    assert row is not None
    assert row.status == "failed"


def test_a_bug_keeps_its_traceback_on_the_terminal_and_in_the_log(command: Command) -> None:
    Path("buggy.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, outputs):\n"
        "        super().__init__()\n"
        "        self.linear = nn.Linear(784, outputs)\n"
        "    def forward(self, x):\n"
        "        if len(x) > 2: raise KeyError('a bug of mine')\n"
        "        return self.linear(x.flatten(1))\n"
    )
    model = "model={_target_: buggy.Net, outputs: 10}"
    said = command(*TINY[1:], model, code=1)
    run = only_run(Path("outputs"))
    for text in (said.err, (run / "train.log").read_text()):
        assert "Traceback (most recent call last)" in text
        assert "KeyError: 'a bug of mine'" in text
    assert record_of(run)["reason"] == "KeyError: 'a bug of mine'"


def test_ten_launches_in_the_same_second_get_ten_folders(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1)
    with ThreadPoolExecutor(10) as pool:
        folders = list(pool.map(lambda _: claim(tmp_path, "lr=0.1", now).path, range(10)))
    assert len(set(folders)) == 10
    assert all(folder.is_dir() for folder in folders)


def test_a_folder_asked_for_by_name_is_never_overwritten(command: Command) -> None:
    command(*TINY, "hydra.run.dir=mine")
    before = (Path("mine") / "run.json").read_bytes()
    said = command(*TINY, "hydra.run.dir=mine", code=2)
    assert said.line == (
        "sweepboard: mine already holds a run: type `sweepboard resume mine`, or name another folder"
    )
    assert (Path("mine") / "run.json").read_bytes() == before


def test_trainer_debug_checks_everything_once(command: Command) -> None:
    command("trainer=debug", "threads=1")
    curves = read_scalars(only_run(Path("outputs")))
    assert set(curves) >= VOCABULARY


def test_cfg_job_prints_the_configuration_and_trains_nothing(command: Command) -> None:
    said = command("--cfg", "job", "model=mlp")
    assert yaml.safe_load(said.out)["model"]["_target_"] == "sweepboard.models.MLP"
    assert not Path("outputs").exists()


def test_ls_lists_runs_and_their_json(command: Command) -> None:
    command(*TINY)
    table = command("ls").out.splitlines()
    assert len(table) == 2
    assert "finished" in table[1]
    assert "val/accuracy" in table[1]
    assert "model=linear" in table[1]
    (entry,) = command("ls", "--json").json
    assert entry["status"] == "finished"


@pytest.mark.slow
def test_a_killed_run_shows_as_interrupted(command: Command) -> None:
    arguments = [sys.executable, "-m", "sweepboard", "trainer.epochs=500", "threads=1", "model=linear"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("epoch 1/" in line for line in process.stdout)
        assert json.loads(command("ls", "--json").out)[0]["status"] == "running"
        process.kill()
    assert json.loads(command("ls", "--json").out)[0]["status"] == "interrupted"


def test_origin_says_where_each_value_comes_from(command: Command) -> None:
    lines = command("--origin", "experiment=gaussian_mlp", "optimizer.lr=0.3").out.splitlines()
    origin = {line.split()[0]: line.split()[-1] for line in lines}
    assert origin["optimizer.lr"] == "optimizer.lr=0.3"
    assert origin["model.hidden"] == "experiment/gaussian_mlp.yaml"
    assert origin["model.dropout"] == "model/mlp.yaml"
    assert origin["seed"] == "config.yaml"
    assert not Path("outputs").exists()


def test_the_command_that_is_told_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `make run` the program is in `.venv/bin`, which is on nobody's path."""
    script = Path(sys.executable).with_name("sweepboard")
    monkeypatch.setenv("PATH", str(script.parent))
    assert program() == "sweepboard"
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir("/")
    assert program() in (str(script), str(script.relative_to("/")))
    monkeypatch.chdir(script.parent.parent)
    assert program() == "bin/sweepboard"


CALLS = """
from hydra.experimental.callback import Callback

class Calls(Callback):
    def _note(self, name, config):
        with open("calls.txt", "a") as file:
            file.write(f"{name} {config.hydra.job.name} {config.hydra.mode.name}\\n")

    def on_run_start(self, config, **kwargs):
        self._note("run start", config)

    def on_job_start(self, config, **kwargs):
        self._note("job start", config)

    def on_job_end(self, config, job_return, **kwargs):
        self._note("job end", config)

    def on_run_end(self, config, **kwargs):
        self._note("run end", config)
"""


def test_hydra_does_for_a_run_what_it_does_for_any_application(command: Command) -> None:
    Path("mine.py").write_text(CALLS)
    command(*TINY, "+hydra.callbacks.mine._target_=mine.Calls")
    events = ["run start", "job start", "job end", "run end"]
    assert Path("calls.txt").read_text().splitlines() == [f"{event} sweepboard RUN" for event in events]
    run = only_run(Path("outputs"))
    kept = yaml.safe_load((run / ".hydra" / "hydra.yaml").read_text())["hydra"]
    assert kept["run"]["dir"] == str(run)
    assert kept["runtime"]["output_dir"] == str(run.resolve())
    assert yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text()) == TINY


def test_callbacks_that_our_launcher_would_not_call_are_refused(command: Command) -> None:
    Path("mine.py").write_text(CALLS)
    said = command("-m", "seed=1,2", *TINY, "+hydra.callbacks.mine._target_=mine.Calls", code=2)
    told = "Calls has on_job_start, which hydra/launcher=local does not call; use hydra/launcher=basic"
    assert said.line == f"sweepboard: hydra.callbacks: {told}"
    assert not Path("outputs").exists()


TELLING = """
import gc
from sweepboard.training.tasks import Classification

class Task(Classification):
    def loss(self, outputs, targets):
        print("collects after", gc.get_threshold(), flush=True)
        return super().loss(outputs, targets)
"""


def test_training_collects_garbage_as_python_does(command: Command) -> None:
    Path("telling.py").write_text(TELLING)
    words = ["task._target_=telling.Task", "~task.label_smoothing"]
    usual = f"collects after {gc.get_threshold()}"
    for said in (command(*TINY, *words), command("rerun", str(only_run(Path("outputs"))))):
        told = [line for line in said.out.splitlines() if line.startswith("collects")]
        assert set(told[2:]) == {usual}  # the first two are of the rehearsal
