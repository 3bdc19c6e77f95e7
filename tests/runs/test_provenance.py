"""What is recorded of code; reading a git repository runs no program that its own settings name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from sweepboard.runs.folder import RunFolder
from sweepboard.runs.provenance import git_state, uncommitted_patch, write_provenance
from sweepboard.runs.user_modules import UserModules, user_modules
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


def modules(*targets: str) -> UserModules:
    return user_modules({"model": [{"_target_": target} for target in targets]})


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module and a package, in a folder that is in no repository."""
    folder = tmp_path / "own"
    texts = {
        "unique_net.py": "from unique_parts import inner\nclass Net:\n    '''ä\r\n'''",
        "unique_parts/__init__.py": "",
        "unique_parts/inner.py": "x = 1\n",
        "unique_big.py": "#" * (2**20 + 1),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    return folder


def test_code_outside_of_git_can_be_had_back(own_code: Path, tmp_path: Path) -> None:
    found = modules("unique_net.Net", "unique_big.Net")
    assert list(found.files) == ["unique_big", "unique_net", "unique_parts", "unique_parts.inner"]
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_provenance(run, own_code, {"model": [{"_target_": "unique_net.Net"}, {"_target_": "unique_big.N"}]})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "# left out: unique_big.py is over 1 MiB" in run.changes.read_text()
    subprocess.run(["git", "apply", str(run.changes)], cwd=elsewhere, check=True)
    made = {path.relative_to(elsewhere) for path in elsewhere.rglob("*.py")}
    assert made == {Path("unique_net.py"), Path("unique_parts/__init__.py"), Path("unique_parts/inner.py")}
    for path in made:
        assert (elsewhere / path).read_bytes() == (own_code / path).read_bytes()


def test_in_git_only_what_no_commit_has_is_copied(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository))
    Path(".gitignore").write_text("ignored_net.py\n")
    for name in ("committed_net", "untracked_net", "ignored_net"):
        Path(f"{name}.py").write_text(f"'''{name}'''\n")
    git("add", "committed_net.py", ".gitignore")
    git("commit", "-qm", "second")
    config = {
        "model": [
            {"_target_": f"{name}.Net"} for name in ("committed_net", "untracked_net", "ignored_net", "zlib")
        ]
    }
    run = RunFolder(repository.parent / "run")
    run.path.mkdir()
    write_provenance(run, repository, config)
    patch = run.changes.read_text()
    assert [patch.count(f"+'''{name}_net'''") for name in ("committed", "untracked", "ignored")] == [0, 1, 1]


def test_code_that_no_file_tells_is_named(own_code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unique_made", types.ModuleType("unique_made"))
    (own_code / "unique_hiding.py").write_text(
        "import importlib, runpy\nname = 'a'\nimportlib.import_module(name)\nexec('x = 1')\n"
        "importlib.import_module('zlib')\nrunpy.run_path('b.py')\nself.exec('select')\n"
    )
    assert modules("unique_made.Net", "torch.hub.load", "torch.nn.Linear", "unique_hiding.Net").unknown == [
        "torch.hub.load",
        "unique_hiding (imports by computed names)",
        "unique_hiding (runs code by exec)",
        "unique_hiding (runs code by run_path)",
        "unique_made.Net",
    ]
    assert not modules("unique_net.Net").unknown
