"""Python files that lie in the working directory: none runs that was not named, none stands before others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import TINY, Command, only_run

TRAPS = ("argparse", "random", "yaml", "csv", "typing", "json", "hydra", "omegaconf", "numpy", "tensorboard")
LOUD = "open({!r}, 'w'); raise SystemExit(77)"
HERE = ("-m", "sweepboard")
SCRIPT = (
    "-c",
    "import sys; sys.path[:] = [p for p in sys.path if p]; from sweepboard.cli import command; command()",
)


@pytest.fixture
def sprung(tmp_path: Path, command: Command) -> Path:
    """A file that is there once one of the traps in the working directory was imported."""
    mark = tmp_path / "PWNED"
    for name in TRAPS:
        Path(f"{name}.py").write_text(LOUD.format(str(mark)))
    plugin = Path("hydra_plugins", "evil")
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(LOUD.format(str(mark)))
    return mark


def run(*words: str, how: tuple[str, ...] = HERE) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *how, *words]
    return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=300)


@pytest.mark.parametrize("verb", ["ls", "compare", "check", "doctor"])
def test_reading_runs_nothing_of_it(sprung: Path, verb: str) -> None:
    done = run(verb, ".")
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert not sprung.exists()


@pytest.mark.slow
def test_no_verb_runs_anything_of_it_beside_runs(sprung: Path, command: Command) -> None:
    command(*TINY, "dataset=gaussian", "hydra.run.dir=one")
    command("-m", *TINY, "dataset=gaussian", "seed=1,2", "sweep.name=s")
    sweep = "outputs/sweeps/s"
    for words in (
        ["plan", "seed=1,2"], ["plan", sweep], ["diff", "one", f"{sweep}/seed=1"], ["verify", "one"],
        ["show", "one"], ["logs", "one"], ["report", "one", sweep], ["export", "one"], ["rerun", "one"],
        ["resume", sweep],
    ):  # fmt: skip
        done = run(*words)
        assert done.returncode in (0, 1), (words, done.stderr)
        assert "Traceback" not in done.stderr
        assert not sprung.exists(), words


def test_the_board_runs_nothing_of_it(sprung: Path) -> None:
    done = run("board", ".", "--", "--version_tb")
    assert done.returncode == 0
    assert not sprung.exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", [HERE, SCRIPT])
def test_a_sweep_beside_them_is_a_sweep(sprung: Path, how: tuple[str, ...]) -> None:
    """A clone's own folder of the package, too."""
    if how is SCRIPT:  # `python -m sweepboard` would take that one
        Path("sweepboard").mkdir()
        Path("sweepboard/__init__.py").write_text(LOUD.format(str(sprung)))
    small = (*TINY, "dataset=gaussian", "model=linear")
    done = run("-m", *small, "seed=1,2", "sweep.name=s", how=how)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not sprung.exists()


def test_a_users_module_is_found_after_what_is_installed(command: Command) -> None:
    text = "from torch import nn\nclass Net(nn.Sequential):\n    def __init__(self):\n"
    text += "        super().__init__(nn.Flatten(), nn.LazyLinear(10))\n"
    for name in ("my_nets_of_here", "colorsys", "json"):
        Path(f"{name}.py").write_text(text)
    command(*TINY, "model={_target_: my_nets_of_here.Net}", "hydra.run.dir=a")
    for name in ("colorsys", "json"):
        said = command(*TINY, "model={_target_: " + name + ".Net}", code=2)
        assert f"model._target_: there is no Net in {name}: {name} is that of /" in said.line
        assert f"which comes before {name}.py here; give yours another name" in said.line


def test_the_path_is_left_alone_by_what_only_reads(command: Command) -> None:
    command(*TINY)
    sys.path[:] = [folder for folder in sys.path if folder not in ("", str(Path.cwd()))]
    run_folder = only_run(Path("outputs"))
    for verb in ("ls", "compare", "check", "doctor"):
        command(verb, "outputs")
    command("diff", str(run_folder), str(run_folder))
    command("--cfg", "job", "model=mlp")
    assert str(Path.cwd()) not in sys.path
    command("verify", str(run_folder))
    assert sys.path[-1] == str(Path.cwd())
