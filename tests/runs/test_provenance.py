"""What is read of a git repository runs no program that its own settings name."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from sweepboard.runs.provenance import git_state, uncommitted_patch
from sweepboard.secrets import masked_text


def git(*words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a changed file, an untracked one, and attributes that name drivers."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git("init", "-q")
    Path(".gitattributes").write_text("*.x filter=evil diff=evil\n*.y filter=a=b.c\n")
    for name in ("a.x", "b.y"):
        Path(name).write_text("old\n")
    git("add", ".")
    git("commit", "-qm", "first")
    for name in ("a.x", "b.y", "untracked.x"):
        Path(name).write_text("new\n")
    later = time.time() + 5
    os.utime("a.x", (later, later))
    return folder


@pytest.mark.parametrize(
    "setting",
    ["core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "core.pager", "pager.diff",
     "filter.evil.clean", "filter.evil.process", "filter.a=b.c.clean", "core.hooksPath", "core.editor",
     "core.sshCommand", "include.path"],
)  # fmt: skip
def test_no_program_of_the_repository_runs(repository: Path, setting: str) -> None:
    mark = repository.parent / "PWNED"
    program = repository / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    if setting == "include.path":
        Path(".git/more").write_text(f'[filter "evil"]\n\tclean = {program}\n\trequired = true\n')
        git("config", setting, "more")
    elif setting == "core.hooksPath":
        hooks = repository / "hooks"
        hooks.mkdir()
        (hooks / "post-index-change").write_text(program.read_text())
        (hooks / "post-index-change").chmod(0o755)
        git("config", setting, str(hooks))
    else:
        git("config", setting, str(program))
    mark.unlink(missing_ok=True)
    patch = uncommitted_patch(repository)
    state = git_state(repository, patch)
    assert not mark.exists()
    assert "+new" in patch
    assert state is not None
    assert "a.x" in state["changed"]


def test_filters_of_the_users_own_stay(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text('[filter "evil"]\n\tclean = sed s/new/cleaned/\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    assert "+cleaned" in uncommitted_patch(repository)


def test_no_secret_of_the_code_is_kept(repository: Path) -> None:
    Path("b.y").write_text(
        "H = {'Authorization': 'Bearer tok-Q7'}\nU = 'https://bob:tok-Q7@host/x'\nAPI_KEY = 'tok-Q7'\n"
    )
    patch = masked_text(uncommitted_patch(repository))
    assert "Authorization" in patch
    assert "tok-Q7" not in patch
