"""What tests of several rooms share."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import absl.logging
import hypothesis
import pytest
import yaml

from tests.command import Command, command_in, own_imports
from tests.slurm import Slurm, cluster, why_not
from tests.warm_jobs import WarmServers, warm_servers

Curves = Mapping[str, Sequence[tuple[int, float]]]

LONGEST = ("test_docs.py", "test_learning.py", "test_readme.py")

GROUPS = {
    "model": "cnn",
    "dataset": "fashion_mini",
    "optimizer": "adam",
    "scheduler": "none",
    "task": "classification",
}
CONFIG: dict[str, Any] = {
    "seed": 0, "device": "cpu", "threads": 1,
    "model": {"_target_": "sweepboard.models.CNN", "dropout": 0.5},
    "dataset": {"_target_": "sweepboard.data.FashionMini", "batch_size": 64,
                "val_fraction": 0.1, "validate_on": "split", "augment": "none"},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001},
    "scheduler": {},
    "task": {"_target_": "sweepboard.tasks.Classification", "label_smoothing": 0.0},
    "trainer": {"epochs": 5, "steps": None, "precision": "fp32", "limit_val_batches": None,
                "checkpoint": {"metric": None, "mode": None}, "early_stopping": {"patience": None}},
    "facts": {"epochs": 5, "steps": 500, "steps_per_epoch": 100},
}  # fmt: skip
ENVIRONMENT: dict[str, Any] = {
    "code": {"commit": "c0ffee", "changed": []},
    "python": {"version": "3.11.2"},
    "packages": {"torch": "2.15.0", "numpy": "2.4.6"},
    "torch": {"version": "2.15.0", "cuda": None, "cpu_capability": "AVX512"},
    "hardware": {"host": "here", "cpu": "a CPU", "gpus": []},
}


# Where Hydra sets up the logging of a training function, all handlers of the process are closed, and absl's
# (which comes with TensorBoard) closes its stream too: that is what pytest captured at the import.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__


# Threads that wait for each other sleep at once: while several tests run, each waits for a core that another
# test has, and the default run takes four times as long where it spins.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


# No test asserts how fast a machine is, and several run at once: neither does Hypothesis.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


class WriteRun(Protocol):
    """How the fixture `write_run` is called."""

    def __call__(
        self,
        folder: Path,
        config: Mapping[str, Any] | None = None,
        curves: Curves | None = None,
        record: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] | None = None,
    ) -> Path: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take minutes: at the end one process would run them and others none."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A worker of pytest-xdist sends reports as UTF-8, which names of files in captured logs need not be."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests decode is not left in the home of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A Slurm of two nodes, where it is installed."""
    if reason := why_not():
        pytest.skip(reason)
    with cluster() as running:
        yield running


@pytest.fixture(autouse=True)
def _same_import_path() -> Iterator[None]:
    """A test's working directory is not where later tests find modules of the same names."""
    path = list(sys.path)
    yield
    sys.path[:] = path


@pytest.fixture(scope="session")
def warm_jobs() -> Iterator[WarmServers]:
    """What starts the job servers of commands in this process."""
    with warm_servers() as warm:
        yield warm


@pytest.fixture
def command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    warm_jobs: WarmServers,
) -> Iterator[Command]:
    """Runs `sweepboard` in an empty folder."""
    monkeypatch.setattr("sweepboard.execution.local.job_server.new_process", warm_jobs.new_process)
    folder = tmp_path / "work"
    folder.mkdir()
    with own_imports(folder):
        yield command_in(folder, monkeypatch, capfd)


@pytest.fixture(scope="session")
def write_run() -> WriteRun:
    """Writes run folders as training leaves them, without training.

    `config` says what differs from the defaults by flat keys, groups too (`{"model": "mlp"}`);
    `curves` are points by tag; `record` and `environment` replace entries of run.json and environment.json.
    """
    return _write_run


def _write_run(
    folder: Path,
    config: Mapping[str, Any] | None = None,
    curves: Curves | None = None,
    record: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
) -> Path:
    from sweepboard.board.event_writer import END_SUFFIX, START_SUFFIX, write_event_file
    from sweepboard.board.hparams import end_info, start_info
    from sweepboard.files import write_atomic, write_json
    from sweepboard.hyperparameters import group_name, hparams
    from sweepboard.runs.folder import RunFolder
    from sweepboard.runs.record import RunRecord

    folder.mkdir(parents=True)
    plain, groups = configured(config or {})
    curves = DEFAULT_CURVES if curves is None else curves
    row = hparams(plain, groups)
    write_event_file(folder, START_SUFFIX, [start_info(row, group_name(row))])
    write_curves(folder, curves)
    entry = RunRecord(
        status="finished", seed=plain["seed"], groups=groups, data_fingerprint="f1",
        primary_metric="accuracy", started=1e9, ended=1e9 + 60, seconds=50.0, epoch=5.0, total_steps=500,
        sweepboard="0.1.0", step=max((step for points in curves.values() for step, _ in points), default=0),
    )  # fmt: skip
    for key, value in (record or {}).items():
        setattr(entry, key, value)
    if entry.status != "running":
        write_event_file(folder, END_SUFFIX, [end_info(entry.status)])
    paths = RunFolder(folder)
    write_atomic(paths.config, yaml.safe_dump(plain, sort_keys=False))
    entry.config_sha256 = hashlib.sha256(paths.config.read_bytes()).hexdigest()
    entry.write(paths)
    write_json(paths.environment, ENVIRONMENT | dict(environment or {}))
    return folder


DEFAULT_CURVES: Curves = {
    "train/loss": [(step, 1 / (1 + step)) for step in range(0, 501, 50)],
    "val/loss": [(step, 2 / (1 + step)) for step in range(100, 501, 100)],
    "val/accuracy": [(100, 0.5), (200, 0.7), (300, 0.9), (400, 0.8), (500, 0.85)],
    "test/accuracy": [(500, 0.84)],
}


def configured(changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The default config and groups with `changes` by flat keys."""
    plain: dict[str, Any] = yaml.safe_load(yaml.safe_dump(CONFIG))  # a copy
    groups = dict(GROUPS)
    for key, value in changes.items():
        if key in groups:
            groups[key] = str(value)
            continue
        *path, leaf = key.split(".")
        node = plain
        for piece in path:
            node = node.setdefault(piece, {})
        node[leaf] = value
    return plain, groups


def write_curves(folder: Path, curves: Curves) -> None:
    """A new event file with these points, step by step."""
    from sweepboard.board.event_writer import EventWriter

    by_step: dict[int, dict[str, float]] = {}
    for tag, points in curves.items():
        for step, value in points:
            by_step.setdefault(step, {})[tag] = value
    writer = EventWriter(folder)
    for step in sorted(by_step):
        writer.add_scalars(step, by_step[step])
    writer.close()
