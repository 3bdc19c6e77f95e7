"""The conditions under which a run was made, as one flat mapping for each kind of condition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from sweepboard.analysis.run import Run
from sweepboard.files import read_bytes
from sweepboard.names import flatten
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.saved_run import read_environment
from sweepboard.settings import conditions, effect_of

Conditions: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Values by kind of condition (`code`, `versions`, …) and name; without those that are not recorded."""


def conditions_of(run: Run, environment: Mapping[str, Any]) -> Conditions:
    """Return all recorded conditions of a run; runs of other tools record almost none.

    `environment` is that of `environment_of`.
    """
    settings = dict(flatten(run.config))
    return {
        "step-unit": dict(_step_unit(run, settings)),
        "evaluation": dict(_evaluation(run, settings)),
        "length": dict(_length(run, settings)),
        "code": {**dict(_code(run, environment)), **_sources(environment)},
        "resumed": dict(_accepted_changes(run)),
        "versions": dict(_versions(run, environment)),
        "arithmetic": {key: settings[key] for key in conditions("arithmetic") if key in settings},
        "hardware": dict(_hardware(environment)),
    }


def environment_of(run: Run) -> dict[str, Any]:
    """Return what is recorded of the environment of a run of ours."""
    return read_environment(RunFolder(run.path)) if run.record else {}


def _step_unit(run: Run, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "a step", "an update" if run.record else _unit_by_epochs(run)
    if settings.get("facts.steps_per_epoch") is not None:
        yield "updates in an epoch", settings["facts.steps_per_epoch"]


def _unit_by_epochs(run: Run) -> str | None:
    """Return whether a step is an epoch or an update, or None if the run did not log its epoch."""
    if "epoch" not in run.curves:
        return None
    steps, epochs = run.curves["epoch"]
    if len(steps) < 2:
        return None
    return "an epoch" if bool(np.all(np.abs(epochs - steps) <= 1)) else "an update"


def _evaluation(run: Run, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in conditions("evaluation"):
        if key in settings and effect_of(key, configs=[run.config]) == "result":
            yield key, "none" if settings[key] is None else settings[key]
    if run.record:
        yield "task", run.record.groups.get("task")
        yield "primary metric", run.record.primary_metric
    for key, value in settings.items():
        if key.startswith("task."):
            yield key, value


def _length(run: Run, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if run.record:
        yield "epochs", settings.get("facts.epochs")
        if settings.get("trainer.steps") is not None:
            yield "updates", settings["trainer.steps"]
    whole = run.status in ("finished", "unknown")
    reached = f" at step {run.record.step} of {run.record.total_steps}" if run.record else ""
    yield "end", "finished" if whole else f"{run.status}{reached}"


def _code(run: Run, environment: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    state = environment.get("code")
    if not isinstance(state, Mapping):
        return
    if state.get("commit"):
        yield "commit", str(state["commit"])[:12]
    yield "uncommitted changes", _digest(RunFolder(run.path).changes) or "none"


def _sources(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the digests of the user's own modules at the start of the run."""
    return {f"own module {name}": digest for name, digest in (environment.get("sources") or {}).items()}


def _accepted_changes(run: Run) -> Iterator[tuple[str, str]]:
    if run.record:
        yield "accepted changes", "; ".join(run.record.accepted_changes) or "none"


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()[:12]
    except OSError:
        return None


def _versions(run: Run, environment: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if run.record and run.record.sweepboard:
        yield "sweepboard", run.record.sweepboard
    for name, section in (("python", "python"), ("torch", "torch"), ("CUDA of torch", "torch")):
        known = environment.get(section)
        key = "cuda" if name.startswith("CUDA") else "version"
        if isinstance(known, Mapping) and key in known:
            yield name, known[key] or "none"


def packages_of(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of installed packages, except those that have an entry of their own."""
    packages = environment.get("packages")
    known = packages if isinstance(packages, Mapping) else {}
    return {str(name): str(text) for name, text in known.items() if name not in ("sweepboard", "torch")}


def _hardware(environment: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    hardware, torch = environment.get("hardware"), environment.get("torch")
    if isinstance(hardware, Mapping):
        yield "processor", hardware.get("cpu")
        yield "GPUs", ", ".join(map(str, hardware.get("gpus") or [])) or "none"
    if isinstance(torch, Mapping):
        yield "instructions of torch", torch.get("cpu_capability")
