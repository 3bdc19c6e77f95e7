"""The trust boundary as a property: whatever a stranger says, nothing beyond it is built or opened."""

from __future__ import annotations

import inspect
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import hydra._internal.instantiate._instantiate2 as instantiating
import hydra.utils
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan_file import read_plan
from sweepboard.trust.allowed_objects import find, may_be_built
from sweepboard.trust.foreign_config import Trust
from tests.command import TINY, Command, only_run
from tests.trust.attacks import edit_job, edit_json, edit_record

STARTS = (
    *(
        "torch",
        "torch.nn",
        "torch.nn.functional",
        "torch.optim",
        "torch.optim.lr_scheduler",
        "torch.utils.data",
    ),
    *(
        "torchvision",
        "torchvision.models",
        "torchvision.datasets",
        "torchvision.transforms",
        "torchvision.ops",
    ),
    *(
        "sweepboard",
        "sweepboard.data",
        "sweepboard.models",
        "sweepboard.models.cnn",
        "sweepboard.tasks",
        "sweepboard.data.datasets.image_folder",
        "sweepboard.training.tasks",
    ),
)
HOMES = (
    *(
        "torch.nn.modules.",
        "torch.optim.",
        "torchvision.models.",
        "torchvision.datasets.",
        "torchvision.ops.",
    ),
    *("torchvision.transforms.", "sweepboard.models.", "sweepboard.data.", "sweepboard.training."),
    *("sweepboard.callbacks.", "sweepboard.loggers.csv_file."),
)
QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(QUICK, max_examples=6000)


def dotted_path(seed: int) -> str:
    """A path that leads somewhere: each part an attribute of what the parts before it name, mostly of a kind
    through which one can go on."""
    dice = random.Random(seed)
    parts = [dice.choice(STARTS)]
    found: Any = import_module(parts[0])
    for _ in range(dice.randint(1, 5)):
        names = dir(found) if isinstance(found, ModuleType | type) else []
        members = [(name, inspect.getattr_static(found, name, None)) for name in names]
        doors = [pair for pair in members if isinstance(pair[1], ModuleType | type)]
        if not members:
            break
        name, found = dice.choice(doors if doors and dice.random() < 0.7 else members)
        parts.append(name)
    return ".".join(parts)


_NAME = "UNSAFE_DISABLE_EXECUTION_CHECKS"
UNCHECKED = [getattr(hydra.utils, _NAME)] if hasattr(hydra.utils, _NAME) else []
"""What Hydra 1.4 is given for a whitelist, so that our own list alone is tried."""


def check_path(path: str) -> None:
    """What is let through is what it says, of a kind that experiments are made of, and what Hydra builds."""
    found = find(path)
    if found is not None and may_be_built(found):
        assert f"{found.__module__}.".startswith(HOMES), path
        assert instantiating._resolve_target(path, "model", *UNCHECKED) is found
        assert inspect.isclass(found) or found.__module__.startswith(
            ("torchvision.models.", "sweepboard.models.")
        )
        assert getattr(sys.modules[found.__module__], found.__qualname__) is found


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore:TypedStorage")
@QUICK
@given(st.integers(0, 2**32))
def test_no_dotted_path_leads_outside(seed: int) -> None:
    check_path(dotted_path(seed))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore:TypedStorage")
@LONG
@given(st.integers(0, 2**32))
def test_no_dotted_path_of_very_many_leads_outside(seed: int) -> None:
    check_path(dotted_path(seed))


EVIL = (
    *("os.system", "torch.hub.load", "torch.load", "builtins.open", "torch.nn.functional.torch.hub.load"),
    *("functools.partial", "hydra.utils.instantiate", "torchvision.datasets.folder.pickle.loads"),
)
KEYS = (
    *("model", "model._target_", "model.hidden", "model.hidden[0]", "model.dropout", "dataset", "optimizer"),
    *("dataset._target_", "optimizer._target_", "optimizer.lr", "task._target_", "scheduler", "output_root"),
    *("scheduler._target_", "task.label_smoothing", "model._args_", "trainer", "device", "facts.steps"),
)
EVIL_NODES = st.builds(lambda target: {"_target_": target, "f": "x"}, st.sampled_from(EVIL))
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(EVIL), EVIL_NODES, st.lists(EVIL_NODES, max_size=2), st.integers(-1, 3),
    st.text(max_size=5),
    st.sampled_from(["torch.nn.Linear", "~/x", "/etc/passwd", "${oc.env:HOME}", "mine.Net"]),
)  # fmt: skip
INTERPOLATED = st.one_of(
    st.sampled_from(KEYS), st.sampled_from(["oc.env:HOME", "oc.decode:'{a: 1}'", "x} ${y"])
)
TYPED = st.lists(
    st.sampled_from(["model=mlp", "model=linear", "optimizer=sgd", "optimizer.lr=0.1", "model.dropout=0.1",
                     "scheduler=none", "dataset=gaussian", "output_root=mine", "~model.hidden"]),
    max_size=2,
)  # fmt: skip
GROUPS = st.dictionaries(
    st.sampled_from(["model", "dataset", "optimizer", "model/act", "evil"]),
    st.sampled_from(["cnn", "mlp", "../../evil", "${oc.env:HOME}", "os.system"]),
    max_size=2,
)


@st.composite
def configs(draw: st.DrawFn, config: dict[str, Any]) -> tuple[RunConfig, list[str]]:
    """A configuration as a stranger may write it, and what is typed on top."""
    plain = json.loads(json.dumps(config))
    for key, value in draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2)).items():
        parent, _, name = key.rpartition(".")
        node = plain[parent] if parent else plain
        if isinstance(node, dict):
            node[name] = value
    interpolations = draw(st.dictionaries(st.sampled_from(KEYS), INTERPOLATED, max_size=2))
    words = [
        f"{key}={json.dumps(value) if not isinstance(value, str) else value}"
        for key, value in draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2)).items()
    ]
    return RunConfig(plain, interpolations, draw(GROUPS), words), draw(TYPED)


@contextmanager
def only_parts_are_built(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    resolve = instantiating._resolve_target

    def watched(target: Any, full_key: str, *whitelist: Any) -> Any:
        found = resolve(target, full_key, *whitelist)
        assert may_be_built(found), f"{full_key} builds {found}"
        return found

    with monkeypatch.context() as patch:
        patch.setattr(instantiating, "_resolve_target", watched)
        yield


def check_config(config: RunConfig, typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    trust = Trust(own=False)
    with only_parts_are_built(monkeypatch):
        try:
            prepared = trust.prepare(trust.admitted(config).with_overrides(typed))
        except UserError:
            return
    assert not prepared.config.own
    assert prepared.config.values["output_root"] == ("mine" if "output_root=mine" in typed else "outputs")


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """The resolved configuration of a small run."""
    from sweepboard.building.prepare import prepare
    from sweepboard.compose.config_draft import _composed

    words = ["trainer=debug", "model=mlp", "threads=1", "dataset=gaussian"]
    return prepare(_composed(words, []), {"model": "mlp"}, words).config.values


@settings(QUICK, max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(st.data())
def test_no_record_builds_anything_else(plain: dict[str, Any], data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        check_config(*data.draw(configs(plain)), patch)


@pytest.mark.slow
@settings(LONG, max_examples=300)
@given(st.data())
def test_no_record_of_very_many_builds_anything_else(plain: dict[str, Any], data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        check_config(*data.draw(configs(plain)), patch)


WATCH = Path(__file__).with_name("watched_verbs.py")
KEEPING_HOUSE = ["show", "logs", "tag mine", "note seen", "gc --yes", "rm --yes"]
"""Verbs that look at runs, mark or remove them; nothing is left for others."""

OURS, THEIRS = "sweepboard.data", "torchvision.datasets"
STRANGE: dict[str, dict[str, Any]] = {
    "as it was": {},
    "a root in the home": {"dataset": {"_target_": f"{OURS}.ImageFolder", "root": "~/private"}},
    "a root of ours": {"dataset": {"_target_": f"{OURS}.ImageFolder", "root": "home/private"}},
    "a root here": {"dataset": {"_target_": f"{THEIRS}.ImageFolder", "root": "private"}},
    "a default root": {"dataset": {"_target_": f"{OURS}.MNIST"}},
    "a download": {"dataset": {"_target_": f"{THEIRS}.MNIST", "root": "private", "download": True}},
    "weights": {"model": {"_target_": "torchvision.models.resnet18", "weights": "DEFAULT"}},
    "an output root": {"output_root": "private/out"},
    "a resolver": {"model": {"_target_": "torch.nn.Linear", "in_features": "${oc.env:HOME}"}},
}


def strange_runs(run: Path, names: list[str]) -> list[str]:
    """Copies of a run as strangers would hand them on."""
    copies = []
    for name in names:
        copy = Path("runs") / name.replace(" ", "-")
        shutil.copytree(run, copy)
        config = made_strange(yaml.safe_load((copy / "config.yaml").read_text()), name)
        (copy / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        edit_record(copy, signature=None)
        copies.append(str(copy))
    return copies


def made_strange(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The configuration with the values of one of `STRANGE`."""
    changed = dict(config)
    for group, value in STRANGE[name].items():
        kept = config[group] if isinstance(value, dict) and group == "dataset" else {}
        changed[group] = {**kept, **value} if isinstance(value, dict) else value
    return changed


def strange_sweeps(sweep: Path, names: list[str]) -> list[str]:
    """Copies of a sweep, of which the job `seed=2` is to be done again, as strangers would hand them on."""
    frozen = next(job.config for job in read_plan(SweepFolder(sweep)).jobs if job.label == "seed=2")
    copies = []
    for name in names:
        copy = Path("runs") / name.replace(" ", "-")
        shutil.copytree(sweep, copy)
        edit_json(copy / "sweep.json", lambda saved: saved.update(signature=None, seal=None))
        edit_job(copy, "seed=2", {"config": made_strange(frozen.values, name)})
        copies.append(str(copy))
    return copies


def private_pictures() -> None:
    """Pictures of two classes that a run could train on, here and in the home."""
    for name in ("train/a", "train/b"):
        folder = Path("private", name)
        folder.mkdir(parents=True)
        for number in range(8):
            Image.new("L", (28, 28), number).save(folder / f"secret{number}.png")
    shutil.copytree("private", "home/private")


def watch(runs: list[str], verbs: list[str], without: Sequence[str] = ()) -> dict[str, Any]:
    """What a process that runs every verb on every run, `without` a rule, has opened beyond the runs, its
    outputs and Python."""
    private_pictures()
    calls = json.dumps([words(verb, run) for run in runs for verb in verbs])
    found = subprocess.run(
        [sys.executable, str(WATCH), calls, *without],
        env={**os.environ, "HOME": str(Path("home").resolve()), "MPLCONFIGDIR": "outputs/.matplotlib"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    told: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return told


def words(verb: str, run: str) -> list[str]:
    """A command line: the run comes after the first word of the verb, and where the others name it."""
    first, *rest = verb.split()
    return [first, run, *(word.format(run=run) for word in rest)]


def check_watched(runs: list[str], verbs: list[str]) -> None:
    told = watch(runs, verbs)
    assert told["beyond"] == []
    assert all(code == 0 for call, code in told["codes"].items() if "as-it-was" in call), told["codes"]
    files = {path.name for path in Path("private").rglob("*") if path.is_file()}
    assert files == {f"secret{number}.png" for number in range(8)}


def test_no_verb_opens_anything_beyond_the_folder(command: Command) -> None:
    command(*TINY)
    runs = strange_runs(only_run(Path("outputs")), ["as it was", "a root of ours"])
    check_watched(runs, ["rerun", "verify", *KEEPING_HOUSE])


def test_the_audit_sees_what_the_rule_of_paths_keeps_from_being_read(command: Command) -> None:
    command(*TINY)
    runs = strange_runs(only_run(Path("outputs")), ["a root of ours", "a root here"])
    told = watch(runs, ["rerun"], ["sweepboard.trust.allowlist._lies_in"])
    for place in ("'home/private", "'private"):
        assert any(f"{place}/train/a/secret0.png" in one for one in told["beyond"]), told


@pytest.mark.slow
def test_no_verb_opens_anything_beyond_any_folder(command: Command) -> None:
    command(*TINY)
    verbs = ["ls", "compare", "report", "check", "doctor", "diff {run}", "rerun", "verify", "test", "export"]
    check_watched(strange_runs(only_run(Path("outputs")), list(STRANGE)), [*verbs, "resume", *KEEPING_HOUSE])


@pytest.mark.slow
def test_no_verb_opens_anything_beyond_any_sweep(command: Command) -> None:
    command("-m", *TINY, "seed=1,2", "sweep.name=s")
    shutil.rmtree("outputs/sweeps/s/seed=2")
    sweeps = strange_sweeps(Path("outputs/sweeps/s"), list(STRANGE))
    # Hydra's basic launcher trains in the process that is watched.
    verbs = ["ls", "plan", "compare", "check", "report", "resume hydra/launcher=basic", "plan", "compare"]
    check_watched(sweeps, verbs)
    assert Path("runs/as-it-was/seed=2/run.json").is_file()
