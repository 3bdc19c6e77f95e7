"""The frozen plan: made of checked points only, the same whoever runs it, whatever becomes of the YAML."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from sweepboard.compose.config_search import hydra_ready
from sweepboard.sweeps.composer import Composer
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan_file import DamagedSweep, read_frozen, read_plan
from tests.command import TINY, Command, record_of
from tests.trust.attacks import edit_job, edit_json

TWO = ["optimizer.lr=1e-1,1e-2", *TINY]
HERE = "hydra/launcher=basic"  # trains in this process, so that no job server has to be started


def jobs(command: Command, *words: str) -> list[str]:
    return [entry["job"] for entry in command("plan", "--json", *words, *TINY).json]


def test_a_plan_is_shown_and_leaves_nothing(command: Command) -> None:
    said = command("plan", "optimizer.lr=1e-1,1e-2,0.1", "seed=1,2", *TINY)
    assert re.findall(r"^\S+", said.out, re.MULTILINE)[1:5] == [
        "optimizer.lr=0.1,seed=1",
        "optimizer.lr=0.1,seed=2",
        "optimizer.lr=0.01,seed=1",
        "optimizer.lr=0.01,seed=2",
    ]
    assert said.out.count("was asked for more than once: it is one job") == 2
    assert list(Path().iterdir()) == []


def test_zip_and_filter(command: Command) -> None:
    words = ["optimizer.lr=0.1,0.01", "dataset.batch_size=32,64", "seed=1,2"]
    assert jobs(command, *words, "sweep.zip=[optimizer.lr,dataset.batch_size]", "sweep.filter=seed < 2") == [
        "lr=0.1,batch_size=32",
        "lr=0.01,batch_size=64",
    ]
    large = "sweep.filter=optimizer.lr * dataset.batch_size > 3 and model == 'linear'"
    assert jobs(command, *words, large) == [
        "dataset.batch_size=32,seed=1",
        "dataset.batch_size=32,seed=2",
        "dataset.batch_size=64,seed=1",
        "dataset.batch_size=64,seed=2",
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["optimizer.lr=0.1,-1", "seed=1,2"],
            "in optimizer.lr=-1 seed=1: optimizer.lr: must be a finite number above 0, got -1",
        ),
        (["model=mlp,cnm"], "in model=cnm: model=cnm: there is no such option; choose from"),
        (["optimizer.lrr=1,2"], "in optimizer.lrr=1: optimizer.lrr: torch.optim.Adam has no such argument"),
        (["seed=range(1,1)"], "seed: has no values, so the sweep has no jobs"),
        (["seed=1,2", "sweep.filter=seed > 2"], "sweep.filter=seed > 2: holds for no point"),
        (["seed=1,2", "sweep.filter=sed > 2"], "sweep.filter=sed > 2: there is no sed; did you mean seed?"),
        (["seed=1,2", "sweep.filter=seed >"], "sweep.filter=seed >: cannot read 'seed >'"),
        (["seed=1,2", "sweep.jobs=0"], "sweep.jobs: must be auto, 1 or more, got 0"),
        (["seed=1,2", "sweep.name=../up"], "sweep.name=../up: use letters, digits"),
        (["seed=1,2", "sweep.on_failure=retry"], "sweep.on_failure=retry: choose from continue, stop"),
        (["seed=1,2", "sweep.retries=1"], "sweep.retries: there is no such setting"),
        (["seed=1,2", "hydra.job.chdir=true"], "hydra.job.chdir: paths mean what they mean"),
        (["seed=1,2", "hydra.sweep.subdir=x"], "hydra.sweep.subdir: a job's folder is called by what is"),
        (["seed=1,2", HERE, "sweep.retry=1"], "sweep.retry: hydra/launcher=basic knows nothing of it"),
        ([], "there is nothing to sweep: give a key several values"),
        (["seed=1,2", "--cfg", "job"], "leave out -m to be shown one run; `sweepboard plan ...` shows"),
    ],
)
def test_a_mistake_in_any_point_is_one_line_and_starts_nothing(
    words: list[str], line: str, command: Command
) -> None:
    said = command("-m", *words, code=2)
    assert said.line.startswith(f"sweepboard: {line}")
    assert not [path for path in Path().rglob("*") if path.is_file()]


@pytest.mark.slow
def test_cores_are_divided_among_the_jobs_at_once_and_the_share_is_frozen(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads(*words: str) -> list[int]:
        return [entry["threads"] for entry in command("plan", "--json", *words, *TINY, "threads=null").json]

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("sweepboard.execution.local.executor.cores", lambda: 8)
    assert threads("seed=1,2") == [4, 4]
    assert threads("seed=range(0,20)") == [1] * 20
    assert threads("seed=range(0,20)", "sweep.jobs=3") == [2] * 20
    assert threads("seed=1") == [8]
    assert [entry["threads"] for entry in command("plan", "--json", "threads=1,3", *TINY[2:]).json] == [1, 3]
    command("-m", "seed=1,2", "sweep.name=s", HERE, *TINY, "threads=null")
    monkeypatch.setattr("sweepboard.execution.local.executor.cores", lambda: 2)
    assert threads("seed=1,2", "sweep.name=s") == [4, 4]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads("seed=3,4") == [3, 3]


def test_the_same_sweep_again_does_nothing_and_another_is_refused(command: Command) -> None:
    command("-m", *TWO, "sweep.name=lr", HERE)
    folder = Path("outputs/sweeps/lr")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*=*/*")}
    said = command("-m", *TWO, "sweep.name=lr")
    assert "2 jobs, 2 of them done already" in said.out
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*=*/*")} == before

    def refused(*words: str) -> str:
        return command("-m", *words, "sweep.name=lr", code=2).line

    other = ["optimizer.lr=1e-1,1e-3", *TINY]
    start = f"sweepboard: {folder} holds another sweep, "
    resume = f"type `sweepboard resume {folder}"
    assert (
        refused(*other)
        == f"{start}without optimizer.lr=0.001: give another sweep.name, or {resume} optimizer.lr=0.001`"
    )
    assert refused("optimizer.lr=1e-1", *TINY) == (
        f"{start}which has optimizer.lr=0.01 too: {resume}`, or give another sweep.name"
    )
    assert refused(*TWO, "trainer.epochs=3") == (
        f"{start}in which optimizer.lr=0.1 has trainer.epochs=2 and not 3: give another sweep.name"
    )


def test_a_plan_that_was_changed_by_hand_is_not_run(command: Command) -> None:
    command("-m", *TWO, "sweep.name=lr", HERE)
    path = Path("outputs/sweeps/lr/sweep.json")
    path.write_text(path.read_text().replace("lr: 0.1", "lr: 0.2"))
    assert "optimizer.lr=0.1 is not what was frozen" in command("resume", "outputs/sweeps/lr", code=2).line


SABOTEUR = """
from pathlib import Path
from sweepboard.models.linear import Linear

class Saboteur(Linear):
    def forward(self, inputs):
        if len(inputs) > 2:
            Path("my_conf/optimizer/mine.yaml").write_text("{_target_: torch.optim.SGD, lr: 9.0}")
        return super().forward(inputs)
"""


@pytest.mark.parametrize("launcher", ["basic", "local"])
def test_edits_to_yaml_change_no_job(launcher: str, command: Command) -> None:
    Path("saboteur.py").write_text(SABOTEUR)
    yaml = Path("my_conf/optimizer/mine.yaml")
    yaml.parent.mkdir(parents=True)
    yaml.write_text("{_target_: torch.optim.SGD, lr: 0.1}")
    words = ["--config-dir", "my_conf", "optimizer=mine", "model._target_=saboteur.Saboteur", "seed=1,2"]
    command("-m", *words, "sweep.name=s", "sweep.jobs=1" if launcher == "local" else HERE, *TINY)
    assert "lr: 9.0" in yaml.read_text()
    for seed in (1, 2):
        run = Path(f"outputs/sweeps/s/seed={seed}")
        assert "\n  lr: 0.1\n" in (run / "config.yaml").read_text()
        assert record_of(run)["status"] == "finished"


def test_secrets_are_in_no_file_and_are_asked_for_again(command: Command) -> None:
    Path("spy.py").write_text(
        "from sweepboard.models.linear import Linear\n"
        "class Spy(Linear):\n"
        "    def __init__(self, input_shape, outputs, api_key):\n"
        "        super().__init__(input_shape, outputs)\n"
        "        assert api_key == 'sesame', api_key\n"
    )
    words = ["model._target_=spy.Spy", "model.api_key=sesame", "seed=1,2", *TINY]
    command("-m", *words, "sweep.name=s", HERE)
    files = [path for path in Path("outputs").rglob("*") if path.suffix in (".yaml", ".json", ".csv", ".log")]
    assert len(files) > 10
    assert [path for path in files if "sesame" in path.read_text()] == []
    assert "model.api_key was a secret" in command("resume", "outputs/sweeps/s", code=2).line
    assert json.loads(Path("outputs/sweeps/s/results.json").read_text())[0]["state"] == "finished"
    shutil.rmtree("outputs/sweeps/s/seed=2")
    command("resume", "outputs/sweeps/s", "model.api_key=sesame")
    assert [path for path in Path("outputs").rglob("*.yaml") if "sesame" in path.read_text()] == []


def test_a_job_runs_what_was_frozen_or_nothing(command: Command) -> None:
    command("-m", *TWO, "sweep.name=lr", HERE)
    folder = SweepFolder(Path("outputs/sweeps/lr"))
    job = read_plan(folder).jobs[0]
    assert read_frozen(folder, job.label, job.checksum) == job.config
    whole, values = folder.plan.read_text(), job.config.values
    changes: list[dict[str, Any]] = [
        {"config": values | {"seed": 7}},
        {"interpolations": {"model.outputs": "seed"}},
        {"groups": {"model": "cnn"}},
        {"overrides": ["seed=7"]},
    ]
    for change in changes:
        edit_job(folder.path, job.label, change, checksum=False)
        with pytest.raises(DamagedSweep, match="is not what was frozen"):
            read_frozen(folder, job.label, job.checksum)
        assert "is not what was frozen" in command("resume", str(folder), code=2).line
        folder.plan.write_text(whole)
    edit_job(folder.path, job.label, {"config": values | {"output_root": "elsewhere"}}, checksum=False)
    read_frozen(folder, job.label, job.checksum)  # where its results go makes it no other job


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer.lr=0.1", "model=mlp", "+model.extra=true", "seed=3"],
        ["optimizer=sgd", "model.bias=false", "optimizer.momentum=0.5", "~optimizer.fused"],
        ["trainer.epochs=7", "experiment=line", "scheduler=onecycle", "threads=2"],
    ],
)
def test_a_point_is_composed_as_hydra_composes_it(words: list[str]) -> None:
    with hydra_ready() as hydra:
        master = hydra.compose_config("config", ["optimizer.lr=1,2"], run_mode=RunMode.MULTIRUN)
        composer = Composer(hydra.config_loader, master)
        for point in (words, [*words, "dataset.batch_size=8", "seed=4"]):
            ours, theirs = composer.compose(point), hydra.config_loader.load_sweep_config(master, point)
            for config in (ours, theirs):
                config.hydra.job.override_dirname = ""
            assert OmegaConf.to_container(ours) == OmegaConf.to_container(theirs)


def test_a_sweep_of_someone_else_is_not_believed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command("-m", *TWO, "sweep.name=lr", HERE)
    monkeypatch.setenv("XDG_STATE_HOME", str(Path("another-user").resolve()))
    command("resume", "outputs/sweeps/lr")  # only parts of an experiment in it
    plan_file = Path("outputs/sweeps/lr/sweep.json")
    evil = {"optimizer": {"_target_": "os.system", "command": "touch executed"}}
    values = read_plan(SweepFolder(plan_file.parent)).jobs[0].config.values
    edit_job(plan_file.parent, "optimizer.lr=0.1", {"config": values | evil})
    said = command("resume", "outputs/sweeps/lr", "--failed", code=2)
    assert "optimizer._target_: os.system is not built" in said.line
    edit_json(plan_file, lambda saved: saved["jobs"][0].update(label="../../../up"))
    assert "is no label of a job" in command("resume", "outputs/sweeps/lr", code=2).line
    assert not Path("executed").exists()


@pytest.mark.parametrize("words", [["seed=range(1000)"], ["seed=range(20)", "optimizer.lr=range(1,51)"]])
def test_a_thousand_points_are_a_thousand_jobs(words: list[str], command: Command) -> None:
    jobs = command("plan", "--json", *TINY, *words).json
    assert len({job["job"] for job in jobs}) == 1000
