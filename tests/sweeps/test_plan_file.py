"""A plan is one file: it loses nothing, shares what jobs have in common, and gives each job its own lines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sweepboard.compose.run_config import RunConfig
from sweepboard.secrets import masked
from sweepboard.sweeps import plan_file
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.plan_bases import Bases
from sweepboard.sweeps.plan_file import DamagedSweep, read_frozen, read_plan, write_plan

VALUES: dict[str, Any] = {
    "seed": 0,
    "model": {"width": 8, "hidden": [1, 2], "names": {0: "cat", 1: "dog"}, "act": None},
    "optimizer": {"lr": 0.1, "betas": [0.9, 0.99]},
    "text": "${not} an: interpolation\x1b\u2028",
}


def config(changes: dict[str, Any] | None = None, **parts: Any) -> RunConfig:
    """A configuration with some values at flat keys replaced."""
    values = json.loads(json.dumps(VALUES))
    values["model"]["names"] = dict(VALUES["model"]["names"])
    for key, value in (changes or {}).items():
        *path, name = key.split(".")
        node = values
        for part in path:
            node = node[part]
        node[name] = value
    return RunConfig(values, **parts)


def planned(*configs: RunConfig) -> Plan:
    return Plan(
        tuple(PlannedJob.of(f"job={number}", one, number) for number, one in enumerate(configs)), threads=1
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepFolder:
    """A folder for plans of configurations that are no real ones."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(plan_file, "check_config", lambda values: None)
    return SweepFolder(tmp_path)


CONFIGS = (
    config(),
    config({"seed": 1}),
    config({"seed": True}),
    config({"seed": 1.0, "optimizer.lr": 1e-7}),
    config({"optimizer.betas": [0.9, 1]}),
    config({"optimizer.lr": math.inf}),
    config({"optimizer.lr": math.nan}),
    config({"model.names": {0: "cat"}}),
    config({"model.names": {"0": "cat", "1": "dog"}}),
    config({"model.hidden": [[1], {"a": 2}]}),
    config({"model.hidden": None, "model.act": {"_target_": "torch.nn.ReLU"}}),
    config({"model.extra": {"y": 1}}),
    config({"text": "\ud800 'quoted' \"twice\"\n"}),
    config(groups={"model": "cnn"}),
    config(overrides=["seed=0"], interpolations={"seed": "text"}, writes_only=["loggers.x"]),
    config({"seed": 7}),
)


def test_nothing_is_lost(folder: SweepFolder) -> None:
    write_plan(folder, planned(*CONFIGS))
    plan = read_plan(folder)
    assert plan.own
    for job, one in zip(plan.jobs, CONFIGS, strict=True):
        frozen = read_frozen(folder, job.label, job.checksum)
        assert repr(frozen) == repr(job.config) == repr(one)
        assert job.checksum == one.checksum
    json.loads(folder.plan.read_text(), parse_constant=pytest.fail)  # strict JSON, too


def test_what_jobs_share_is_written_once(folder: SweepFolder) -> None:
    configs = [config({"seed": seed, "optimizer.lr": rate}) for seed in range(50) for rate in (0.1, 0.2)]
    write_plan(folder, planned(*configs))
    saved = json.loads(folder.plan.read_text())
    assert len(saved["bases"]) == 1
    assert saved["jobs"][1]["changes"] == [[["optimizer", "lr"], 0.2]]
    first, second = (job.config.values for job in read_plan(folder).jobs[:2])
    assert first["model"] is second["model"]


def test_a_plan_laid_out_otherwise_is_read_too(folder: SweepFolder) -> None:
    write_plan(folder, planned(*CONFIGS[:3]))
    whole = read_plan(folder)
    folder.plan.write_text(json.dumps(json.loads(folder.plan.read_text()), indent=3, sort_keys=True))
    assert read_plan(folder) == whole
    assert read_plan(folder).own
    for job in whole.jobs:
        assert repr(read_frozen(folder, job.label, job.checksum)) == repr(job.config)


def test_an_unchanged_plan_of_ones_own_is_not_checked_job_by_job(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan(folder, planned(*CONFIGS))
    checked: list[Any] = []
    monkeypatch.setattr(plan_file, "check_config", checked.append)
    read_plan(folder)
    assert not checked
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.path / "another-user"))
    assert not read_plan(folder).own
    assert len(checked) == len(CONFIGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda job: job.update(base=99), "job=1 has no base"),
        (lambda job: job.update(base=-1), "job=1 has no base"),
        (lambda job: job.update(changes=[[["nowhere", "x"], 1]]), "change nothing that is there"),
        (lambda job: job.update(changes=[[[], 1]]), "no single value"),
        (lambda job: job.update(changes=[[["seed"]]]), "not enough values"),
        (lambda job: job.update(changes=[[["seed"], {"a": 1}]]), "no single value"),
        (lambda job: job.update(changes=[[["seed"], [[[1]]]]]), "no single value"),
        (lambda job: job.update(changes={}), "changes is"),
        (lambda job: job.update(overrides="x"), "overrides is"),
        (lambda job: job.update(changes=[[["seed"], 2]]), "job=1 is not what was frozen"),
        (lambda job: job.update(label="../up"), "is no label of a job"),
    ],
)
def test_a_changed_plan_is_one_line(folder: SweepFolder, change: Any, message: str) -> None:
    write_plan(folder, planned(*CONFIGS[:3]))
    saved = json.loads(folder.plan.read_text())
    change(saved["jobs"][1])
    folder.plan.write_text(json.dumps(saved))
    with pytest.raises(DamagedSweep, match=message):
        read_plan(folder)
    if saved["jobs"][1]["label"] == "job=1":
        with pytest.raises(DamagedSweep, match="job=1"):
            read_frozen(folder, "job=1", CONFIGS[1].checksum)


def test_kinds_that_take_turns_have_a_base_each() -> None:
    bases = Bases()
    entries = [
        bases.entry(config({"seed": seed, "model.names": {kind: "x"}}, groups={"model": str(kind % 2)}))
        for seed in range(3)
        for kind in range(40)
    ]
    assert len(bases.plain) == 40
    assert [each["base"] for each in entries] == [*range(40)] * 3


@pytest.mark.parametrize(
    "leaves",
    [
        [(["seed"], 3)],
        [(["optimizer", "lr"], 0.5), (["seed"], True)],
        [(["text"], "https://me:sk-1234567@host")],
        [(["seed"], 4), (["model", "hidden"], [3])],
    ],
)
@pytest.mark.parametrize("first", [config(), config({"model.act": "Bearer 1234567890"})])
def test_what_is_known_of_a_configuration_holds_for_another(first: RunConfig, leaves: Any) -> None:
    one = first.with_leaves(leaves, ["seed=3"])
    for made in (one, one.with_leaves([(["seed"], 9)])):
        fresh = RunConfig(made.values, overrides=["seed=3"])
        assert repr(made.safe) == repr(masked(made.values))
        assert (made.digest, made.checksum) == (fresh.digest, fresh.checksum)
    with pytest.raises(KeyError):
        first.with_leaves([(["nowhere", "x"], 1)])
