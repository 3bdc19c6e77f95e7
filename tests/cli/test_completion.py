"""Completion can be installed, and answers in a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweepboard.cli.completion import INSTALL, UNINSTALL, candidates
from tests.command import Command

LINES = {
    "sweepboard mod": ["model.", "model="],
    "sweepboard model=": ["model=cnn", "model=linear", "model=mlp", "model=resnet18"],
    "sweepboard model=m": ["model=mlp"],
    "sweepboard model=mlp model.h": ["model.hidden."],
    "sweepboard -m optimizer.lr=0.1,0.2 trainer.ep": ["trainer.epochs="],
    "sweepboard --config-dir c model=p": ["model=probe"],
    "sweepboard plan model=l": ["model=linear"],
    "sweepboard pla": ["plan"],
    "sweepboard --config-n": ["--config-name"],
    "sweepboard rerun outp": [],
    "sweepboard --nope x mod": [],
    "sweepboard model=[ mod": [],
    "sweepboard model=nope model.hid": [],
    "sweepboard --config-dir ": [],
}


@pytest.mark.parametrize("line", LINES)
def test_what_a_word_may_become(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c" / "model").mkdir(parents=True)
    (tmp_path / "c" / "model" / "probe.yaml").write_text("_target_: probe.Net\n")
    assert candidates(line) == LINES[line]


def test_every_word_of_an_empty_line() -> None:
    assert {"plan", "resume", "model=", "optimizer=", "seed="} <= set(candidates("sweepboard "))


def test_a_real_bash_completes(tmp_path: Path) -> None:
    script = (
        'eval "$(sweepboard -sc install=bash)"\n'
        "try() { COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(sweepboard) COMPREPLY=();"
        ' _sweepboard_complete; echo "${COMPREPLY[*]}"; }\n'
        "try 'sweepboard model=c'\ntry 'sweepboard trainer.ep'\nCOMP_WORDBREAKS=${COMP_WORDBREAKS//=}\n"
        "try 'sweepboard model=c'\ncomplete -p sweepboard\n"
        'eval "$(sweepboard -sc uninstall=bash)"\ncomplete -p sweepboard\n'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert lines[:3] == ["cnn", "trainer.epochs=", "model=cnn"], done.stderr
    assert len(lines) == 4, done.stdout


@pytest.mark.parametrize("shell", INSTALL)
def test_each_shell_has_a_script(shell: str, command: Command) -> None:
    assert f"query={shell}" in command("-sc", f"install={shell}").out
    assert command("--shell-completion", f"uninstall={shell}").out == UNINSTALL[shell]


@pytest.mark.parametrize("words", [[], ["install=csh"], ["instal=bash"], ["install=bash", "x=1"]])
def test_a_mistake_is_one_line(words: list[str], command: Command) -> None:
    assert command("-sc", *words, code=2).line.startswith("sweepboard: -sc")
    assert list(Path().iterdir()) == []
