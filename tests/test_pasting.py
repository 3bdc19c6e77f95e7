"""The commands of the README and the documentation mean the same in bash, zsh and fish."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.documents import blocks, steps

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*/README.md"))]
PROGRAMS = ("sweepboard", "python", "cd")
SHELLS = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f"], "fish": ["fish", "--no-config"]}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_every_command_means_the_same_in_every_shell(shell: str, tmp_path: Path) -> None:
    commands = [
        step.command
        for page in PAGES
        for language, _, content in blocks(page.read_text())
        if language == "console"
        for step in steps(content)
        if step.command.split()[0] in PROGRAMS
    ]
    assert len(commands) > 100
    expected, found = words("bash", commands, tmp_path), words(shell, commands, tmp_path)
    others = [command for command in commands if expected[command] != found[command]]
    assert others == [], f"quote them for {shell}"


def test_a_word_that_a_shell_expands_is_found(tmp_path: Path) -> None:
    glob, fine = "sweepboard model.hidden=[1,2]", "sweepboard 'model.hidden=[1,2]'"
    assert words("bash", [glob, fine], tmp_path) == {
        glob: ["model.hidden=[1,2]"],
        fine: ["model.hidden=[1,2]"],
    }
    assert words("zsh", [glob, fine], tmp_path) == {glob: [], fine: ["model.hidden=[1,2]"]}
    braces = "sweepboard optimizer={a,b}"
    assert words("fish", [braces], tmp_path) == {braces: ["optimizer=a", "optimizer=b"]}


def words(shell: str, commands: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """The arguments that a shell gives to the program of each command; none for one that it refuses."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    form = 'function {}; printf "%s\\n" $argv; end' if shell == "fish" else '{}() {{ printf "%s\\n" "$@"; }}'
    lines = [form.format(program) for program in PROGRAMS]
    for number, command in enumerate(commands):
        lines += [f"echo '@{number}'", _alone(command, shell)]
    done = subprocess.run(
        SHELLS[shell], input="\n".join([*lines, "echo @end", ""]), cwd=folder, capture_output=True, text=True
    )
    said = done.stdout.split("@end\n")[0]
    assert said.startswith("@0\n"), done.stderr
    parts = [part.partition("\n")[2].splitlines() for part in f"\n{said}".split("\n@")[1:]]
    return dict(zip(commands, parts, strict=True))


def _alone(command: str, shell: str) -> str:
    """A line that runs a command so that the next one runs whatever becomes of it."""
    line = f"eval {shlex.quote(command)}"
    return line if shell == "fish" else f"( {line} )"
