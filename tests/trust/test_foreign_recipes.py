"""What a record says beside its configuration: links, overrides, groups, plans, bases of searches."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import sweepboard
from sweepboard.errors import NotAllowed
from sweepboard.runs.saved_run import origin_of, read_run
from sweepboard.signing import Origin
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan_file import read_plan
from tests.command import TINY, Command, only_run, record_of
from tests.trust.attacks import edit_config, edit_job, edit_json, edit_record, hub

VERBS = ("rerun", "resume", "test", "verify")
QUICK = ["trainer=debug", "model=mlp", "threads=1", "dataset=gaussian"]
DECODE = "oc.decode:'{{_target_: torch.hub.load, repo_or_dir: {0}/repo, model: pwn, source: local}}'"


@pytest.fixture
def run(command: Command) -> Path:
    """A finished run of this user's own."""
    command(*TINY)
    return only_run(Path("outputs"))


@pytest.fixture
def foreign(run: Path) -> Path:
    """The same from someone else."""
    edit_record(run, signature=None)
    return run


def unharmed() -> bool:
    return not Path("exploded").exists()


LINKS: list[dict[str, str]] = [
    {"model._target_": "output_root"},
    {"model": "sweep.zip[0]"},
    {"model._target_": "optimizer.evil"},
]


@pytest.mark.parametrize("signed", [False, True], ids=["foreign", "own"])
def test_links_are_followed_before_the_check(signed: bool, run: Path, command: Command) -> None:
    evil = {**hub(run), "_target_": "torch.hub.load"}
    edit_config(run, model={**hub(run), "_target_": "torch.nn.Linear"}, output_root="torch.hub.load")
    edit_config(run, sweep={"zip": [evil]}, optimizer__evil="torch.hub.load")
    for verb, links in product(VERBS, LINKS):
        edit_record(run, interpolations=links, **({} if signed else {"signature": None}))
        assert command(verb, str(run), code=2).line.startswith("sweepboard: ")
        assert unharmed()


def test_a_link_to_what_is_the_readers_is_told_as_one(foreign: Path, command: Command) -> None:
    edit_record(foreign, interpolations={"model._target_": "output_root"})
    for verb in VERBS:
        assert command(verb, str(foreign), code=2).line.endswith(
            "model._target_: it follows output_root, which is yours and not what this run folder says it "
            "was; type model._target_=... to say it yourself"
        )


RESOLVERS = [DECODE, "oc.env:HOME", "oc.create:{{a: 1}}", "hydra:runtime.cwd", "a}} ${{b", ""]


def test_a_link_leads_to_a_key_and_nothing_else(run: Path, command: Command) -> None:
    hub(run)
    for verb, word, key in product(VERBS, RESOLVERS, ["model", "output_root"]):
        edit_record(run, interpolations={key: word.format(run)})
        assert command(verb, str(run), code=2).line.startswith(
            f"sweepboard: {key}: an interpolation leads to another"
        )
    assert unharmed()


def test_a_changed_record_is_not_resumed(run: Path, command: Command) -> None:
    whole = (run / "run.json").read_text()
    changes: dict[str, Any] = {
        "interpolations": {"optimizer.weight_decay": "seed"},
        "groups": {"model": "cnn"},
        "overrides": ["model.evil=1"],
    }
    for part, value in changes.items():
        (run / "run.json").write_text(whole)
        edit_record(run, **{part: value})
        line = command("resume", str(run), "trainer.epochs=3", code=2).line
        assert "changed since" in line
        assert "--accept-changes" in line


CHANGES = {
    "batch_size: 64": "batch_size: 16",
    "label_smoothing: 0.0": "label_smoothing: 0.4",
    "every_steps: 2": "every_steps: 3",
    "seed: 0": "seed: 1",
}


def test_a_changed_configuration_is_not_resumed(run: Path, command: Command) -> None:
    config = run / "config.yaml"
    text, before = config.read_text(), record_of(run)
    for old, new in CHANGES.items():
        assert old in text
        config.write_text(text.replace(old, new, 1))
        assert origin_of(read_run(run)) is Origin.CHANGED
        assert "changed since" in command("resume", str(run), "trainer.epochs=3", code=2).line
        assert record_of(run) == before
    config.write_text(text)
    command("resume", str(run), "trainer.epochs=3")
    assert origin_of(read_run(run)) is Origin.OWN


def test_a_run_of_a_strangers_recipe_stays_a_strangers(foreign: Path, command: Command) -> None:
    command("rerun", str(foreign))
    runs = [read_run(path.parent) for path in Path("outputs").rglob("run.json")]
    assert [origin_of(saved) for saved in runs] == [Origin.FOREIGN] * 2
    command("resume", str(foreign), "trainer.epochs=3")
    assert origin_of(read_run(foreign)) is Origin.FOREIGN


EVIL_WORDS = [
    "model.hidden={_target_: os.system, command: touch exploded}",
    "model._target_=torch.hub.load",
    "model.hidden=[{_target_: builtins.open, file: exploded, mode: w}]",
    "model.dropout=${oc.env:SECRET_OF_MINE}",
    "model.hidden=${oc.decode:'[{_target_: os.system}]'}",
]


def test_words_of_a_strangers_record_are_his_under_a_typed_option(
    foreign: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_MINE", "0.25")
    for word in EVIL_WORDS:
        edit_record(foreign, overrides=[word])
        line = command("rerun", str(foreign), "model=mlp", code=2).line
        assert line.startswith("sweepboard: model.")
        assert unharmed()
        assert "0.25" not in line


def test_what_is_typed_is_trusted_for_its_own_key_alone(foreign: Path, command: Command) -> None:
    Path("mine.py").write_text("from sweepboard.models.linear import Linear\nclass Net(Linear):\n    pass\n")
    command("rerun", str(foreign), "model._target_=mine.Net")
    edit_config(foreign, model___target_="mine.Net")
    for words in (["model.outputs=10"], ["+model.bias=true"], ["optimizer.lr=0.1"], ["optimizer=sgd"]):
        assert "model._target_: mine.Net is not built" in command("rerun", str(foreign), *words, code=2).line
    # A link above a typed key puts the stranger's value in its place.
    edit_record(foreign, interpolations={"model": "task.model"})
    edit_config(foreign, task__model={"_target_": "os.system", "command": "touch exploded"})
    line = command("rerun", str(foreign), "model._target_=mine.Net", code=2).line
    assert "os.system is not built" in line


def test_where_a_stranger_wrote_is_not_where_a_rerun_writes(foreign: Path, command: Command) -> None:
    elsewhere = Path("elsewhere").resolve()
    edit_config(foreign, output_root=str(elsewhere))
    edit_record(
        foreign, overrides=["model.x=../../../escaped"], interpolations={"output_root": "model.place"}
    )
    edit_config(foreign, model__place=str(elsewhere))
    line = command("rerun", str(foreign), code=2).line
    assert "model.place" in line
    edit_record(foreign, interpolations={}, groups={"dataset": "../../escaped", "model": "/abs"})
    config = yaml.safe_load((foreign / "config.yaml").read_text())
    del config["model"]["place"]
    (foreign / "config.yaml").write_text(yaml.safe_dump(config))
    command("rerun", str(foreign))
    command("test", str(foreign))
    assert not elsewhere.exists()
    assert len(list(Path("outputs").rglob("run.json"))) == 2
    assert not list(Path().resolve().parent.rglob("*escaped*/run.json"))[1:]


def test_no_variable_of_the_environment_reaches_the_folder(
    foreign: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "geheim123")
    for links in ({"output_root": "oc.env:MY_TOKEN"}, {"task.label_smoothing": "oc.env:MY_TOKEN"}):
        edit_record(foreign, interpolations=links)
        command("resume", str(foreign), "trainer.epochs=3", code=2)
    edit_record(foreign, interpolations={})
    edit_config(foreign, model__x="${oc.env:MY_TOKEN}")
    assert "model.x" in command("resume", str(foreign), "trainer.epochs=3", code=2).line
    texts = [path.read_bytes() for path in foreign.rglob("*") if path.is_file()]
    assert not any(b"geheim123" in text for text in texts)


def test_data_of_a_stranger_is_where_the_reader_says(foreign: Path, command: Command) -> None:
    root = {"_target_": "sweepboard.data.MNIST", "root": "data"}
    config = yaml.safe_load((foreign / "config.yaml").read_text())
    keep = {key: value for key, value in config["dataset"].items() if key != "_target_"}
    edit_config(foreign, dataset={**keep, **root})
    for verb in VERBS:
        line = command(verb, str(foreign), code=2).line
        assert line.startswith("sweepboard: dataset.root: data is not read")
        assert "dataset.root=..." in line
    # The model alone needs no data.
    sweepboard.load_model(foreign)
    command("export", str(foreign), "--output", "model.safetensors")


OWN = """
from pathlib import Path
from torch import nn
Path("imported").touch()
class Net(nn.Sequential):
    def __init__(self, outputs=10):
        super().__init__(nn.Flatten(), nn.LazyLinear(outputs))
"""


@pytest.mark.slow
def test_what_is_allowed_is_found_in_the_working_directory(command: Command) -> None:
    """As the command finds it that is typed in a terminal, whose path does not begin with this folder."""
    Path("allowed_net.py").write_text(OWN)
    words = ["model={_target_: allowed_net.Net}", *(word for word in TINY if word != "model=linear")]

    def real(*argv: str) -> subprocess.CompletedProcess[str]:
        done = [sys.executable, "-m", "sweepboard", *argv]
        return subprocess.run(done, capture_output=True, text=True, timeout=300, check=False)

    assert real(*words, "hydra.run.dir=run").returncode == 0
    Path("imported").unlink()
    edit_record(Path("run"), signature=None)
    for verb in ("rerun", "export", "test"):
        refused = real(verb, "run")
        assert refused.returncode == 2
        assert refused.stderr.endswith("; if you trust it, add --allow allowed_net\n")
        assert real(verb, "run", "--allow", "another").returncode == 2
        assert not Path("imported").exists()
        done = real(verb, "run", "--allow", "allowed_net")
        assert done.returncode == 0, done.stderr
        Path("imported").unlink()
    Path("allowed_net.py").rename("elsewhere.py")
    line = real("export", "run", "--allow", "allowed_net").stderr
    assert "there is no allowed_net.Net here; type the command in the folder of its module" in line


@pytest.mark.parametrize(("number", "code"), [(-1, 0), (7, 0), (10**30, 2), (True, 2), ("x", 2)])
def test_the_number_of_a_strangers_job_is_a_number_or_damage(
    command: Command, number: Any, code: int
) -> None:
    command(*TINY, "hydra.run.dir=run")
    edit_record(Path("run"), signature=None, number=number)
    for words in (["rerun", "run", "optimizer.lr=0.1"], ["show", "run"], ["verify", "run"]):
        said = command(*words, code=code)
        assert code == 0 or "run/run.json cannot be read: number is " in said.line
    command("compare", "run", code=0)


def test_a_giant_of_a_stranger_is_refused_before_it_takes_memory(foreign: Path, command: Command) -> None:
    edit_config(foreign, model={"_target_": "torch.nn.Linear", "in_features": 50_000, "out_features": 50_000})
    for verb in (*VERBS, "export"):
        line = command(verb, str(foreign), code=2).line
        assert line.startswith("sweepboard: model: torch.nn.Linear takes more than 2 GiB of memory")
        assert line.endswith("; if you trust it, add --allow torch.nn.modules.linear")
    with pytest.raises(NotAllowed, match="2 GiB"):
        sweepboard.load_model(foreign)


def test_a_user_who_can_keep_no_key_is_told_so(
    command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path("file").touch()
    state = Path("file").resolve()
    why = (
        f"no signing key can be kept in {state}/sweepboard, so that your own runs are taken for someone "
        "else's; set XDG_STATE_HOME to a folder that you can write"
    )
    Path("their_own_net.py").write_text(
        "from sweepboard.models import Linear as Base\nclass Net(Base): pass\n"
    )
    words = [*QUICK[:1], "model=linear", *QUICK[2:], "model._target_=their_own_net.Net"]
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        assert f"the run is not signed: {why}" in command(*words, "hydra.run.dir=run").err
        command("-m", *words, "hydra.sweep.dir=s", "seed=1")
        assert f"the sweep is not signed: {why}" in caplog.text
        search = ["hydra/sweeper=optuna", "hydra.sweeper.trials=1", "optimizer.lr=interval(0.01,0.1)"]
        command("-m", *words, *search, "hydra.sweep.dir=searched")
        assert f"the search is not signed: {why}" in caplog.text
        assert Path("searched/search.yaml").read_text().endswith("signature: null\n")
        for verb in ("resume", "export"):
            line = command(verb, "run", code=2).line
            assert line.startswith("sweepboard: model._target_: their_own_net.Net is not built from")
            assert line.endswith(f"add --allow their_own_net ({why})")
    assert "signed" not in command(*words, "hydra.run.dir=signed").err
    assert "signing key" not in command("resume", "run", code=2).line


def swept(command: Command) -> Path:
    """A finished sweep of which one job is to be done again."""
    command("-m", *QUICK, "optimizer.lr=0.1,0.01", "sweep.name=s", "sweep.jobs=1")
    folder = Path("outputs/sweeps/s")
    shutil.rmtree(folder / "optimizer.lr=0.1")
    return folder


@pytest.mark.slow
def test_plans_of_a_sweep(command: Command) -> None:
    folder = swept(command)
    hub(folder)
    job, saved = "optimizer.lr=0.1", folder / "sweep.json"
    for signed in (False, True):
        sweep = saved.read_text()
        if not signed:
            edit_json(saved, lambda content: content.update(signature=None))
        edit_job(folder, job, {"interpolations": {"model": DECODE.format(folder)}})
        assert "an interpolation leads" in command("resume", str(folder), code=2).line
        edit_job(folder, job, {"interpolations": {"model._target_": "output_root"}})
        assert "model._target_" in command("resume", str(folder), code=2).line
        edit_job(folder, job, {"interpolations": {}, "overrides": ["model.hidden={_target_: os.system}"]})
        if signed:
            assert "changed since" in command("resume", str(folder), code=2).line
        assert "model.hidden" in command("resume", str(folder), "model=mlp", code=2).line
        assert unharmed()
        assert not (folder / "optimizer.lr=0.1").exists()
        saved.write_text(sweep)


@pytest.mark.slow
def test_a_strangers_sweep_taken_up_and_taken_over(command: Command) -> None:
    folder = swept(command)
    edit_json(folder / "sweep.json", lambda saved: saved.update(signature=None))
    command("resume", str(folder))
    assert origin_of(read_run(folder / "optimizer.lr=0.1")) is Origin.FOREIGN
    assert origin_of(read_run(folder / "optimizer.lr=0.01")) is Origin.OWN
    # Started under the same name: of the plan that stood there nothing is believed.
    job = "optimizer.lr=0.1"
    whole = read_plan(SweepFolder(folder)).jobs
    edit_job(folder, job, {"interpolations": {"model": "task"}})
    command("-m", *QUICK, "optimizer.lr=0.1,0.01", "sweep.name=s", "sweep.jobs=1")
    assert read_plan(SweepFolder(folder)).jobs == whole


BASES: list[tuple[str, Any]] = [
    ("dropout", "${oc.env:MY_TOKEN}"),
    ("hidden", "${oc.decode:'{_target_: os.system}'}"),
    ("hidden", [{"_target_": "os.system", "command": "touch exploded"}]),
    ("path", "/etc/passwd"),
    ("_target_", "torch.nn.functional.torch.hub.load"),
]


@pytest.mark.slow
def test_bases_of_a_search(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "0.125")
    search = ["hydra/sweeper=optuna", "optimizer.lr=interval(0.001,0.1)", "hydra.sweeper.trials=1"]
    command("-m", *QUICK, *search, "sweep.name=s")
    path = Path("outputs/sweeps/s/search.yaml")
    text = path.read_text().rpartition("signature: ")[0]
    for key, value in BASES:
        saved = yaml.safe_load(text)
        saved["bases"][""]["model"][key] = value
        path.write_text(f"{yaml.safe_dump(saved, sort_keys=False)}signature: null\n")
        said = command("resume", str(path.parent), "hydra.sweeper.trials=2", code=2)
        assert f"model.{key}" in said.err
        assert "0.125" not in said.err
        assert unharmed()


def test_initial_weights_of_a_stranger_are_read_in_its_own_folder_only(
    foreign: Path, command: Command, tmp_path: Path
) -> None:
    outside = tmp_path / "secret.pth"
    torch.save(sweepboard.load_model(foreign).state_dict(), outside)
    for path in (str(outside), "secret.pth", "../secret.pth", "~/secret.pth"):
        edit_config(foreign, weights__path=path)
        for verb in ("rerun", "verify"):
            line = command(verb, str(foreign), code=2).line
            assert line.startswith(f"sweepboard: weights.path: {path} is not read on the word of")
        command("export", str(foreign), "--output", "model.safetensors")  # reads none of it
    command("resume", str(foreign), "trainer.epochs=3")
    command("rerun", str(foreign), f"weights.path={outside}")
    edit_config(foreign, weights__path=str(foreign / "mine.pth"))
    outside.rename(foreign / "mine.pth")
    command("rerun", str(foreign))


@pytest.mark.parametrize("group", ["scheduler", "optimizer", "trainer", "logging", "weights", "dataset"])
def test_a_group_that_a_record_puts_in_place_of_another_is_told_by_its_key(
    group: str, foreign: Path, command: Command
) -> None:
    """What then lacks a setting of the runner is no bug with a traceback."""
    for other in ("model", "task"):
        edit_record(foreign, interpolations={group: other})
        assert command("rerun", str(foreign), code=2).line.startswith(f"sweepboard: {group}")
