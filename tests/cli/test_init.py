"""`sweepboard init NAME` lays out a project that runs and passes its own tests at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Command, only_run, record_of

PROJECT = {
    ".gitignore", "README.md", "pyproject.toml",
    "conf/config.yaml", "conf/model/net.yaml", "conf/dataset/rings.yaml", "conf/task/rings.yaml",
    "my_rings/__init__.py", "my_rings/data.py", "my_rings/model.py", "my_rings/task.py",
    "tests/test_my_rings.py",
}  # fmt: skip


def test_a_new_project_trains_as_it_is(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    said = command("init", "my_rings")
    assert said.out.splitlines() == [
        "my_rings: 12 files, described in README.md",
        "next:",
        "  cd my_rings",
        "  sweepboard --config-dir conf",
        "  python -m pytest",
    ]
    root = Path("my_rings")
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == PROJECT
    assert not [path for path in root.rglob("*") if path.is_file() and "project_name" in path.read_text()]
    assert [path.name for path in Path().iterdir()] == ["my_rings"]
    monkeypatch.chdir(root)
    command("--config-dir", "conf", "threads=1", "trainer=debug", "trainer.epochs=1")
    assert "test/accuracy" in record_of(only_run(Path("outputs")))["metrics"]


def test_a_project_may_lie_in_another_folder(command: Command) -> None:
    assert "  cd work/my_rings\n" in command("init", "work/my_rings").out
    assert Path("work/my_rings/my_rings/data.py").is_file()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("my-net", "init: 'my-net' is no name of a Python package; type sweepboard init my_net"),
        ("3d", "init: '3d' is no name of a Python package; type sweepboard init my_3d"),
        ("class", "init: 'class' is no name of a Python package; type sweepboard init my_class"),
        ("__main__", "init: '__main__' is no name of a Python package; type sweepboard init main"),
        (".", "init: '' is no name of a Python package; type sweepboard init my_project"),
        ("random", "init: random is an installed Python module; type another name, such as my_random"),
        ("torch", "init: torch is an installed Python module; type another name, such as my_torch"),
        ("conf", "init: conf is a folder of every project; type another name, such as my_conf"),
    ],
)
def test_a_name_that_cannot_be_that_of_a_package_is_refused(command: Command, name: str, told: str) -> None:
    assert command("init", name, code=2).line == f"sweepboard: {told}"
    assert not list(Path().iterdir())


def test_an_existing_folder_is_left_as_it_is(command: Command) -> None:
    Path("my_rings").mkdir()
    told = "sweepboard: init: my_rings exists already; give a name that is not taken"
    assert command("init", "my_rings", code=2).line == told
    assert not list(Path("my_rings").iterdir())


def test_a_folder_that_cannot_be_written_is_told_in_one_line(command: Command) -> None:
    Path("file").write_text("")
    assert command("init", "file/my_rings", code=2).line.startswith("sweepboard: ")


@pytest.mark.slow
def test_the_tests_of_a_new_project_pass_and_its_types_hold(command: Command) -> None:
    command("init", "my_rings")
    for words in (
        ["pytest", "-q"],
        ["ruff", "check", "--isolated", "--select", "E,F,I,B,UP"],
        ["ruff", "format", "--isolated", "--check"],
        ["mypy", "--strict", "my_rings", "tests"],
    ):
        done = subprocess.run([sys.executable, "-m", *words], cwd="my_rings", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
