"""Resolvers of one's own are registered by modules that `imports` names, and by no saved run."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from tests.command import TINY, Command, only_run

REGISTER = "register_new_resolver" if version("omegaconf") < "2.4" else "register_resolver"
RESOLVERS = (
    f"from omegaconf import OmegaConf\nOmegaConf.{REGISTER}('{{name}}', lambda x: x * 2, replace=True)\n"
)
SHORT = [*TINY, "dataset=gaussian", "logging=none", "trainer.epochs=1"]


@pytest.fixture(autouse=True)
def module(command: Command) -> None:
    for name in ("one", "two", "three", "four"):
        Path(f"resolve_{name}.py").write_text(RESOLVERS.format(name=name))
    Path("c/experiment").mkdir(parents=True)
    preset = "# @package _global_\nimports: [resolve_two]\nseed: ${two:21}\n"
    Path("c/experiment/mine.yaml").write_text(preset)


def test_a_run_holds_the_value_and_not_the_module(command: Command) -> None:
    command(*SHORT, "imports=[resolve_one]", "optimizer.lr=${one:0.01}", "output_root=${one:out}")
    run = only_run(Path("outout"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["optimizer"]["lr"] == 0.02
    assert "imports" not in config


def test_a_preset_names_its_own(command: Command) -> None:
    said = command("--config-dir", "c", "experiment=mine", "--cfg", "job", "--resolve", "-p", "seed").out
    assert "42" in said


def test_points_of_a_sweep_have_them(command: Command) -> None:
    words = [
        "model=linear",
        "imports=[resolve_three]",
        "optimizer.lr=${three:0.01},${three:0.02},0.5",
        "threads=1",
    ]
    said = command("plan", *words, "--json", "sweep.filter=optimizer.lr < 0.1")
    assert [job["job"] for job in said.json] == ["optimizer.lr=0.02", "optimizer.lr=0.04"]


def test_a_saved_run_names_no_module(command: Command) -> None:
    command(*SHORT)
    run = only_run(Path("outputs"))
    path = run / "config.yaml"
    Path("evil.py").write_text("open('touched', 'w')\n")
    path.write_text(path.read_text() + "imports: [evil]\n")
    for verb in (["rerun"], ["verify"], ["resume", "--accept-changes"], ["test"]):
        try:
            command(*verb, str(run), code=0)
        except AssertionError:
            continue  # refused: what matters is that nothing was imported
    assert not Path("touched").exists()


MISTAKES = {
    "no module": (
        ["imports=[nope]"],
        "imports: there is no module nope here or among",
    ),
    "no name": (["imports=['a b']"], "imports: 'a b' is not the dotted name of a module"),
    "a broken module": (["imports=[broken]"], "imports: broken cannot be imported: ZeroDivisionError"),
    "a module that leaves": (["imports=[leaves]"], "imports: leaves cannot be imported: SystemExit"),
    "not imported": (["seed=${four:2}"], "seed: there is no resolver ${four:...}; name the module"),
}


@pytest.mark.parametrize(("argv", "line"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line(argv: list[str], line: str, command: Command) -> None:
    Path("broken.py").write_text("1 / 0\n")
    Path("leaves.py").write_text("import sys\nsys.exit(0)\n")
    assert command("model=linear", *argv, code=2).line.startswith(f"sweepboard: {line}")
    assert command("plan", "model=linear", *argv, "threads=1,2", code=2).line.find(line) > 0


NUMBER, FOLDER = "${hydra:job.num}", "${hydra:runtime.output_dir}"
OF_A_RUN = f"""
import os
from omegaconf import OmegaConf
register = OmegaConf.{REGISTER}
register("base", os.path.basename, replace=True)
register("is_five", lambda n: "yes" if n == 5 else "no", replace=True)
register("least", lambda one, other: min(one, other), replace=True)
register("most", lambda one, other: max(one, other), replace=True)
register("as_it_is", lambda x: x, replace=True)
register("pair", lambda x: {{"a": x, "b": [x, x * 2]}}, replace=True)
"""


COMPUTED = {
    "seed": f"${{one:{NUMBER}}}",
    "optimizer.lr": f"${{one:{NUMBER}}}",
    "model.a": f"${{one:{NUMBER}}}",
    "model.b": f"${{base:{FOLDER}}}",
    "model.c": f"${{is_five:{NUMBER}}}",
    "model.d": f"${{least:{NUMBER},7}}",
    "model.e": f"${{most:{NUMBER},1}}",
    "model.f": "a-${base:${hydra:sweep.dir}}-b",
    "model.g": f"${{pair:{NUMBER}}}",
    "model.h": "${one:${as_it_is:${hydra:job.num}}}",
}


@pytest.fixture
def resolvers_of_a_run() -> list[str]:
    Path("resolve_run.py").write_text(OF_A_RUN)
    return [*SHORT, "imports=[resolve_one,resolve_run]"]


@pytest.mark.parametrize("sweep", [[], ["-m", "hydra/launcher=basic", "optimizer.weight_decay=0,0.1"]])
@pytest.mark.parametrize(("key", "value"), COMPUTED.items(), ids=COMPUTED.keys())
def test_a_value_computed_from_that_of_a_run_is_refused(
    command: Command, resolvers_of_a_run: list[str], key: str, value: str, sweep: list[str]
) -> None:
    said = command(*sweep, *resolvers_of_a_run, f"++{key}='{value}'", code=2)
    assert f"{key}: {value} is computed from a value that only a run has; take that value" in said.line
    assert not Path("outputs").exists()


def test_it_is_refused_where_another_key_leads_to_it(command: Command, resolvers_of_a_run: list[str]) -> None:
    words = [f"+model.a=[x,{{b:'${{base:{FOLDER}}}'}}]", "+model.z=${model.a[1].b}"]
    said = command(*resolvers_of_a_run, *words, code=2)
    assert said.line.startswith(f"sweepboard: model.a[1].b: ${{base:{FOLDER}}} is computed")


def test_a_value_that_a_resolver_hands_on_is_that_of_the_run(
    command: Command, resolvers_of_a_run: list[str]
) -> None:
    Path("own/task").mkdir(parents=True)
    Path("mine.py").write_text(
        "from sweepboard.tasks import Classification\n"
        "class Mine(Classification):\n"
        "    def __init__(self, path=''):\n        super().__init__()\n"
    )
    Path("own/task/mine.yaml").write_text(f"_target_: mine.Mine\npath: ${{as_it_is:{FOLDER}}}/x\n")
    command("--config-dir", "own", *resolvers_of_a_run, "task=mine")
    run = only_run(Path("outputs"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["task"]["path"] == f"{run.absolute()}/x"
