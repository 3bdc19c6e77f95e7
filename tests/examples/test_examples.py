"""Every example trains, survives a stop, repeats, sweeps, and is written with public names alone."""

from __future__ import annotations

import ast
import importlib
import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import Command, record_of
from tests.examples.example import EXAMPLES, FOLDER, PROGRAMS, Example
from tests.runs.process import Launch, assert_the_same
from tests.tensorboard_server import eventually, tensorboard_server

examples = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)

STOP = '''
"""Stops a run as a scheduler of a cluster does."""

import os
import signal

from sweepboard import Callback


class StopAt(Callback):
    writes_only = True

    def __init__(self, step):
        self.step = step

    def on_update(self, progress):
        if progress.step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)
'''


def test_every_folder_is_proven() -> None:
    assert {path.parent.name for path in FOLDER.glob("*/README.md")} == {
        *PROGRAMS,
        *(each.name for each in EXAMPLES),
    }


@pytest.mark.slow
@examples
def test_a_stopped_run_ends_as_one_never_stopped_repeats_and_sweeps(
    example: Example, launch: Launch, tmp_path: Path
) -> None:
    example.copy(tmp_path)
    (tmp_path / "stop.py").write_text(STOP)
    for words in example.commands[: example.before]:
        launch(tmp_path, *words, *example.short).finish()
    run = [*example.commands[example.before], *example.short]
    launch(tmp_path, *run, "hydra.run.dir=whole").finish()
    whole, part = tmp_path / "whole", tmp_path / "part"

    step = random.randint(1, record_of(whole)["step"] - 1)
    stop = ["+callbacks.stop._target_=stop.StopAt", f"+callbacks.stop.step={step}"]
    stopped = launch(tmp_path, *run, *stop, "hydra.run.dir=part")
    verified = launch(tmp_path, "verify", "whole")
    assert stopped.end() == 128 + signal.SIGTERM, stopped.said()
    assert (record_of(part)["status"], record_of(part)["step"]) == ("interrupted", step)
    launch(tmp_path, "resume", "part").finish()
    assert_the_same(part, whole)
    assert "identical: " in verified.finish()

    rates = f"{example.swept}={rate(whole, example) / 2},{rate(whole, example)}"
    launch(tmp_path, *run, "-m", rates, "sweep.name=rates").finish()
    assert_two_rows(tmp_path / "outputs" / "sweeps" / "rates", example)


def rate(run: Path, example: Example) -> float:
    """The learning rate of a run."""
    value = yaml.safe_load((run / "config.yaml").read_text())
    for key in example.swept.split("."):
        value = value[key]
    return float(value)


def assert_two_rows(sweep: Path, example: Example) -> None:
    """TensorBoard shows a row for each learning rate, both of runs that succeeded."""
    jobs = [path.parent for path in sweep.glob("*/run.json")]
    rates = {rate(job, example) for job in jobs}
    assert len(rates) == 2
    with tensorboard_server(sweep, fast=False) as server:

        def rows() -> Any:
            groups = server.session_groups()
            assert {session["status"] for row in groups for session in row["sessions"]} == {"STATUS_SUCCESS"}
            return sorted(row["hparams"][example.swept] for row in groups)

        eventually(rows, sorted(rates))


@examples
def test_the_commands_of_its_readme_compose_and_pass_the_dry_run(example: Example, command: Command) -> None:
    example.copy(Path.cwd())
    for number, words in enumerate(example.commands):
        if number < example.before:
            command(*words, *example.short)
            continue
        assert re.search(r"^\d+ jobs?$", command("plan", *words).out, re.MULTILINE)


@examples
def test_it_is_written_with_public_names_alone(example: Example) -> None:
    for path in example.source.rglob("*.py"):
        names = list(sweepboard_names(ast.parse(path.read_text())))
        assert [name for name in names if not is_public(name)] == [], path
    for path in example.source.rglob("*.yaml"):
        targets = re.findall(r"_target_: (sweepboard[\w.]*)", path.read_text())
        assert [name for name in targets if not is_public(name)] == [], path


def sweepboard_names(tree: ast.AST) -> Iterator[str]:
    """The dotted names of sweepboard that a module uses, and private attributes of others' objects."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("sweepboard"))
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("sweepboard"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            written = ast.unparse(node)
            if written.startswith("sweepboard.") or re.search(r"(?<!self)\._(?!_)", written):
                yield written


def is_public(name: str) -> bool:
    """Whether a dotted name is exported by `sweepboard` or by one of its faces."""
    if name in ("sweepboard", *FACES):
        return True
    return any(name == f"{face}.{each}" for face in FACES for each in importlib.import_module(face).__all__)


FACES = (
    "sweepboard",
    *(f"sweepboard.{face}" for face in ("callbacks", "data", "loggers", "models", "tasks")),
)


def test_a_line_that_reads_our_internals_is_found() -> None:
    assert is_public("sweepboard.tasks.Step")
    lines = [
        "import sweepboard.training.loop",
        "from sweepboard.data.splits import x",
        "sweepboard.runs.y",
        "a.b._c",
    ]
    found = list(sweepboard_names(ast.parse("\n".join([*lines, "self._d"]))))
    names = {
        "sweepboard.training.loop",
        "sweepboard.data.splits.x",
        "sweepboard.runs.y",
        "sweepboard.runs",
        "a.b._c",
    }
    assert set(found) == names
    assert not any(map(is_public, found))
