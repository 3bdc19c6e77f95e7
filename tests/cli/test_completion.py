"""Completion can be installed, and answers in a real bash."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweepboard.cli.completion import INSTALL, UNINSTALL, candidates
from tests.command import Command
from tests.conftest import WriteRun

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


def test_runs_are_completed_by_short_names_and_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun
) -> None:
    monkeypatch.chdir(tmp_path)
    for hour, name in enumerate(("day/a", "sweeps/lr/b")):
        write_run(Path("outputs") / name, record={"started": 1e9 + hour})
    assert candidates("sweepboard show ") == ["last", "best", "lr", "outputs/sweeps/lr/b", "outputs/day/a"]
    assert candidates("sweepboard rm last l") == ["last", "lr"]
    assert candidates("sweepboard logs outputs/d") == ["outputs/day/a"]
    assert candidates("sweepboard show last ") == []
    assert candidates("sweepboard rerun last trainer.ep") == ["trainer.epochs="]


def test_every_word_of_an_empty_line() -> None:
    assert {"plan", "resume", "model=", "optimizer=", "seed="} <= set(candidates("sweepboard "))


PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_a_real_bash_completes(tmp_path: Path) -> None:
    script = (
        'eval "$(sweepboard -sc install=bash)"\n'
        "try() { COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(sweepboard) COMPREPLY=();"
        ' _sweepboard_complete; echo "${COMPREPLY[*]}"; }\n'
        "try 'sweepboard model=c'\ntry 'sweepboard trainer.ep'\nCOMP_WORDBREAKS=${COMP_WORDBREAKS//=}\n"
        "try 'sweepboard model=c'\ncomplete -p sweepboard\n"
        'eval "$(sweepboard -sc uninstall=bash)"\ncomplete -p sweepboard\n'
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": PATH}, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert lines[:3] == ["cnn", "trainer.epochs=", "model=cnn"], done.stderr
    assert len(lines) == 4, done.stdout


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.slow
def test_a_real_fish_completes(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()  # a value, and no folder, is what belongs behind model=
    (tmp_path / "outputs").mkdir()
    script = (
        "sweepboard -sc install=fish | source\n"
        "for line in 'sweepboard model=c' 'sweepboard -m seed=1,2 trainer.ep' "
        "'sweepboard plan model=mlp model.h' 'sweepboard rerun outp' 'sweepboard --config-n'\n"
        "    complete -C $line | string join ' '\nend\n"
        "sweepboard -sc uninstall=fish | source; complete -c sweepboard\n"
    )
    environment = {**os.environ, "PATH": PATH, "HOME": str(tmp_path)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    wanted = ["model=cnn", "trainer.epochs=", "model.hidden.", "outputs/", "--config-name"]
    assert done.stdout.splitlines() == wanted, done.stderr


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.slow
def test_a_real_zsh_completes(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "outputs").mkdir()
    with Zsh(tmp_path) as zsh:
        zsh.type('eval "$(sweepboard -sc install=zsh)"; print in""stalled\n')
        zsh.wait_for("installed")
        for typed, completed in (
            ("sweepboard model=c", "sweepboard model=cnn"),
            ("sweepboard -m seed=1,2 trainer.ep", "trainer.epochs="),
            ("sweepboard rerun outp", "sweepboard rerun outputs/"),
            ("sweepboard model=", "model=resnet18"),
        ):
            zsh.type(f"{typed}\t")
            zsh.wait_for(completed)
            zsh.type("\x15")  # forget the line
        zsh.type('eval "$(sweepboard -sc uninstall=zsh)"; print "left: $_comps[sweepboard]."\n')
        zsh.wait_for("left: .")


class Zsh:
    """An interactive zsh on a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self._terminal, child = pty.openpty()
        environment = {**os.environ, "PATH": PATH, "HOME": str(folder), "TERM": "dumb", "COLUMNS": "200"}
        self._shell = subprocess.Popen(
            ["zsh", "-f", "-i"], cwd=folder, env=environment,
            stdin=child, stdout=child, stderr=child, start_new_session=True,
        )  # fmt: skip
        os.close(child)

    def __enter__(self) -> Zsh:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._terminal)

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str, seconds: float = 30) -> None:
        """Return when the terminal has shown `text`."""
        shown, end = "", time.monotonic() + seconds
        while text not in shown:
            ready, _, _ = select.select([self._terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} was not shown: {shown!r}"
            shown += os.read(self._terminal, 65536).decode(errors="replace")


@pytest.mark.parametrize("shell", INSTALL)
def test_each_shell_has_a_script(shell: str, command: Command) -> None:
    assert f"query={shell}" in command("-sc", f"install={shell}").out
    assert command("--shell-completion", f"uninstall={shell}").out == UNINSTALL[shell]


@pytest.mark.parametrize("words", [[], ["install=csh"], ["instal=bash"], ["install=bash", "x=1"]])
def test_a_mistake_is_one_line(words: list[str], command: Command) -> None:
    assert command("-sc", *words, code=2).line.startswith("sweepboard: -sc")
    assert list(Path().iterdir()) == []
