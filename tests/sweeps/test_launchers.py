"""The launcher is part of the frozen plan: a sweep is resumed on the engine that it was planned for."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from hydra_plugins.sweepboard.executor_launcher import ExecutorLauncher
from sweepboard.errors import ConfigError
from sweepboard.execution import Ended, Event, Job, LocalExecutor, Resources
from sweepboard.execution.executor import Executor
from sweepboard.settings import SweepSettings
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.launcher import LauncherChoice
from sweepboard.sweeps.local_jobs import PRELOAD
from sweepboard.sweeps.plan_file import read_plan, write_plan
from tests.command import TINY, Command, record_of

SWEEP = Path("outputs/sweeps/s")
BASIC = "hydra/launcher=basic"


@pytest.fixture
def begun(command: Command) -> Path:
    """A sweep under `basic` of two jobs, the second of which is missing."""
    command("-m", *TINY, "seed=1,2", "sweep.name=s", BASIC)
    shutil.rmtree(SWEEP / "seed=2")
    return SWEEP / "seed=2"


def trained_here(run: Path) -> bool:
    return bool(record_of(run)["pid"] == os.getpid())


def test_resume_uses_the_launcher_of_the_plan(begun: Path, command: Command) -> None:
    assert json.loads((SWEEP / "sweep.json").read_text())["launcher"]["option"] == "basic"
    said = command("resume", str(SWEEP), "seed=3")
    assert "2 jobs added" not in said.out
    assert "3 finished" in said.out
    for run in (begun, SWEEP / "seed=3"):
        assert trained_here(run)
        assert (run / ".hydra" / "config.yaml").is_file()
        assert record_of(run)["status"] == "finished"


def test_a_job_under_another_launcher_goes_on_from_its_checkpoint(begun: Path, command: Command) -> None:
    command("resume", str(SWEEP), "trainer.epochs=3")
    assert {record_of(SWEEP / f"seed={seed}")["step"] for seed in (1, 2)} == {18}
    assert record_of(SWEEP / "seed=1")["attempts"] == 2
    assert trained_here(SWEEP / "seed=1")


def test_resume_needs_no_yaml_under_another_launcher(command: Command) -> None:
    own = Path("conf/optimizer/mine.yaml")
    own.parent.mkdir(parents=True)
    own.write_text("{_target_: torch.optim.SGD, lr: 0.1}")
    command("-m", "--config-dir", "conf", "optimizer=mine", *TINY, "seed=1,2", "sweep.name=s", BASIC)
    shutil.rmtree(SWEEP / "seed=2")
    shutil.rmtree("conf")
    command("resume", str(SWEEP))
    assert record_of(SWEEP / "seed=2")["groups"]["optimizer"] == "mine"


def test_another_launcher_may_be_typed(begun: Path, command: Command) -> None:
    command("resume", str(SWEEP), "hydra/launcher=local")
    assert not trained_here(begun)
    assert read_plan(SweepFolder(SWEEP)).launcher.option == "basic"
    for word, line in {
        "hydra.launcher.n_job=2": "hydra.launcher.n_job: there is no such setting",
        "hydra/launcher=nope": "hydra/launcher=nope: there is no such option",
        "sweep.jobs=2": "sweep.jobs: hydra/launcher=basic knows nothing of it; use hydra/launcher=local",
    }.items():
        assert line in command("resume", str(SWEEP), word, code=2).line


def test_a_plug_in_that_is_missing_is_one_line(begun: Path, command: Command) -> None:
    folder = SweepFolder(SWEEP)
    rq = LauncherChoice("rq", {"_target_": "hydra_plugins.hydra_rq_launcher.rq_launcher.RQLauncher"})
    write_plan(folder, replace(read_plan(folder), launcher=rq))
    assert command("resume", str(SWEEP), code=2).line == (
        "sweepboard: hydra/launcher=rq: is not installed here; pip install hydra-rq-launcher, "
        "or add hydra/launcher=local"
    )
    assert not begun.exists()


def test_a_launcher_of_someone_elses_is_not_used(
    begun: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = SWEEP / "sweep.json"
    saved = json.loads(plan.read_text())
    saved["launcher"] = {"option": "evil", "settings": {"_target_": "hydra_plugins.evil.Launcher"}}
    plan.write_text(json.dumps(saved))
    assert "changed since" in command("resume", str(SWEEP), code=2).line
    monkeypatch.setenv("XDG_STATE_HOME", str(Path("another-user").resolve()))
    said = command("resume", str(SWEEP))
    assert "hydra/launcher=evil is left out of a sweep that is not yours" in said.out
    assert not trained_here(begun)


@pytest.mark.slow
def test_resume_with_joblib(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("hydra_plugins.hydra_joblib_launcher._core")
    parallel, asked = core.Parallel, list[int]()

    def noted(**how: Any) -> Any:
        asked.append(how["n_jobs"])
        return parallel(**how)

    monkeypatch.setattr(core, "Parallel", noted)
    command("-m", *TINY, "seed=1,2", "sweep.name=s", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    for typed in ([], ["hydra.launcher.n_jobs=1"]):
        shutil.rmtree(SWEEP / "seed=2")
        command("resume", str(SWEEP), *typed)
        assert record_of(SWEEP / "seed=2")["status"] == "finished"
    assert asked == [2, 2, 1]


@dataclass
class _Cluster(ExecutorLauncher):
    """A launcher of a stranger's, whose machine has other cores than this one."""

    cores: int = 1
    gpus: int = 0

    def executor(self, settings: SweepSettings) -> Executor:
        gpus = tuple(map(str, range(self.gpus)))
        return LocalExecutor(Resources(self.cores, gpus=gpus, jobs=2, here=False), PRELOAD)


class _Refusing(LocalExecutor):
    """An executor that says of every job that it could not be run."""

    def open(self) -> None:
        self._refused: list[Job] = []

    def close(self) -> None:
        pass

    def submit(self, job: Job) -> None:
        self._refused.append(job)

    @property
    def busy(self) -> bool:
        return bool(self._refused)

    def poll(self) -> list[Event]:
        refused, self._refused = self._refused, []
        return [Ended(job.name, None, error="there is no room") for job in refused]


@dataclass
class _Full(_Cluster):
    """A launcher of a cluster that takes no job."""

    def executor(self, settings: SweepSettings) -> Executor:
        return _Refusing(Resources(1, here=False))


def test_a_job_for_several_machines_is_refused_where_no_launcher_gives_them(command: Command) -> None:
    said = command("-m", *TINY, "seed=1,2", "trainer.nodes=2", code=2)
    assert "trainer.nodes=2: only hydra/launcher=slurm runs a job on several machines" in said.line
    assert not Path("outputs").exists()


def test_a_job_that_cannot_be_started_has_failed_and_is_tried_again_as_often_as_asked(
    cluster: list[str], command: Command
) -> None:
    vars(sys.modules["hydra_plugins.cluster"])["Cluster"] = _Full
    said = command("-m", *cluster, *TINY, "seed=1,2", "sweep.name=s", "sweep.retry=1", code=1)
    assert "2 failed" in said.out
    assert "there is no room" in said.out
    assert said.out.count("is tried again (1 of 1)") == 2


@pytest.fixture
def cluster(command: Command, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words for a launcher that is not ours, but has an executor."""
    module: Any = ModuleType("hydra_plugins.cluster")
    module.Cluster = _Cluster
    monkeypatch.setitem(sys.modules, "hydra_plugins.cluster", module)
    option = Path("conf/hydra/launcher/cluster.yaml")
    option.parent.mkdir(parents=True)
    option.write_text("_target_: hydra_plugins.cluster.Cluster\ncores: 12\ngpus: 0\n")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return ["--config-dir", "conf", "hydra/launcher=cluster"]


def test_threads_are_those_of_the_executor(cluster: list[str], command: Command) -> None:
    words = [*cluster, *TINY, "threads=null", "seed=1,2,3", "hydra.launcher.cores=6"]
    assert [job["threads"] for job in command("plan", "--json", *words).json] == [3, 3, 3]


def test_threads_are_a_share_of_one_machine_for_each_process_there(
    cluster: list[str], command: Command
) -> None:
    words = [*cluster, *TINY, "threads=null", "seed=1,2,3", "hydra.launcher.cores=8", "trainer.devices=2"]
    for more, threads in {
        (): 2,  # two jobs at once
        ("trainer.nodes=2",): 4,  # one, to which the machines belong
        ("device=cuda", "hydra.launcher.gpus=2"): 4,  # one, for want of GPUs
        ("device=cuda", "hydra.launcher.gpus=4"): 2,
    }.items():
        assert {job["threads"] for job in command("plan", "--json", *words, *more).json} == {threads}


def test_device_and_threads_are_not_those_of_the_machine_that_plans(
    cluster: list[str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # of a login node
    words = [*cluster, *TINY, "threads=null", "seed=1,2"]
    for asked, there, device in (
        ("auto", 0, "cpu"), ("auto", 2, "cuda"), ("cuda", 0, "cuda"), ("cpu", 1, "cpu")
    ):  # fmt: skip
        plan = command("plan", "--json", *words, f"device={asked}", f"hydra.launcher.gpus={there}").json
        assert {(job["device"], job["threads"]) for job in plan} == {(device, 6)}


def test_devices_and_threads_under_submitit_are_those_of_its_settings(command: Command) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = [
        *TINY,
        "threads=null",
        "seed=1,2",
        "hydra/launcher=submitit_slurm",
        "hydra.launcher.cpus_per_task=5",
    ]
    for gpus, device in ((1, "cuda"), (0, "cpu")):
        plan = command("plan", "--json", *words, f"hydra.launcher.gpus_per_node={gpus}").json
        assert {(job["device"], job["threads"]) for job in plan} == {(device, 5)}


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is here")
def test_a_job_whose_device_is_missing_says_so(cluster: list[str], command: Command) -> None:
    said = command("-m", *cluster, *TINY, "device=cuda", "seed=1,2", "sweep.name=s", code=1)
    assert "device=cuda: torch finds no CUDA GPU here" in said.out
    again = command("resume", str(SWEEP), "hydra/launcher=local", "--failed", code=2)
    assert "device=cuda: torch finds no CUDA GPU here" in again.line


@pytest.mark.slow
def test_an_executor_of_a_stranger_runs_a_sweep(cluster: list[str], command: Command) -> None:
    command("-m", *cluster, *TINY, "seed=1,2", "sweep.name=s")
    assert read_plan(SweepFolder(SWEEP)).launcher.settings["cores"] == 12
    shutil.rmtree(SWEEP / "seed=2")
    shutil.rmtree("conf")
    command("resume", str(SWEEP))
    assert not trained_here(SWEEP / "seed=2")


def test_a_launcher_that_hydra_has_loaded_again_is_still_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in an installed wheel: Hydra's search for plug-ins executes their modules anew."""
    for name in ("executor_launcher", "local"):
        monkeypatch.delitem(sys.modules, f"hydra_plugins.sweepboard.{name}", raising=False)
    assert LauncherChoice().executor(SweepSettings()) is not None


def test_only_launchers_of_hydra_are_imported() -> None:
    with pytest.raises(ConfigError, match=r"os\.system is no launcher"):
        LauncherChoice("odd", {"_target_": "os.system"}).executor(SweepSettings())
