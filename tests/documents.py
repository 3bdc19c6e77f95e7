"""Documentation that is run: commands with what they print, and files that readers are told to write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d[\d.,:e+-]*")


@dataclass
class Step:
    """A command of a `console` block and the lines shown below it."""

    command: str
    shown: list[str] = field(default_factory=list)


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """(language, file name or "", content) of every fenced block."""
    for found in _BLOCK.finditer(text):
        yield found[1], found[2] or "", found[3]


def steps(content: str) -> list[Step]:
    """The commands of a `console` block."""
    found: list[Step] = []
    for line in content.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:]))
        else:
            found[-1].shown.append(line)
    return found


def play(text: str, folder: Path) -> list[Step]:
    """Write the files and run the commands of a document in `folder`; each must print what it shows.

    Shown lines stand for themselves but for numbers; `...` stands for anything, also at the end of a line.
    Returns the steps that were run.
    """
    played = []
    for language, name, content in blocks(text):
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        elif language == "console":
            for step in steps(content):
                run(step, folder)
                played.append(step)
    return played


def run(step: Step, folder: Path) -> None:
    """Run one command, by the interpreter that runs this test, and compare what it prints."""
    beside = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", step.command], cwd=folder, env=beside, text=True, timeout=900,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    pattern = "".join(_as_pattern(line) for line in step.shown)
    assert re.fullmatch(pattern, done.stdout), f"$ {step.command}\n{done.stdout}\n-- is not --\n{step.shown}"
    expected = {0: not _tells_a_mistake(step), 2: _tells_a_mistake(step), 1: "FAILED" in step.command}
    assert expected.get(done.returncode), f"$ {step.command}: exit code {done.returncode}\n{done.stdout}"


def _tells_a_mistake(step: Step) -> bool:
    return bool(step.shown) and step.shown[0].startswith("sweepboard: ")


def _as_pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    parts = [r"[\d.,:e+-]+".join(map(re.escape, _NUMBER.split(part))) for part in line.split("...")]
    return ".*".join(parts) + r" *\n"
