"""The provenance of a run: code with uncommitted changes, packages, torch's build, hardware."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import socket
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from sweepboard.files import write_atomic, write_json
from sweepboard.hardware import cores, processor, total_memory
from sweepboard.runs.folder import RECORD, RunFolder
from sweepboard.runs.source_patch import source_patch
from sweepboard.runs.user_modules import UserModules, user_modules
from sweepboard.secrets import masked_text

log = logging.getLogger(__name__)

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG",
              "PYTHONHASHSEED", "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")  # fmt: skip
"""The environment variables that are recorded; others may hold secrets."""

_NO_PROGRAMS = ("--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv")
_OFFLINE = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
_FILTER = r"^filter\..*\.(clean|smudge|process|required)$"
_REPOSITORY = ("local", "worktree")
"""The scopes of filters that are switched off. Reading a repository must not run a program that its
`.git/config` names, nor fetch objects that a partial clone lacks."""

_LARGEST_PATCH = 20 * 2**20
_LARGEST_UNTRACKED = 2**20


def write_provenance(folder: RunFolder, code: Path, config: Mapping[str, Any], attempt: int = 1) -> None:
    """Write environment.json and changes.patch for a run of `config` with the code in folder `code`.

    The patch also holds the user's modules that are in no repository.

    Later attempts write files of their own if something differs, and warn of what matters.
    """
    patch, modules = uncommitted_patch(code), user_modules(config)
    now = environment(code, config, patch, modules)
    if folder.environment.exists() and not _differs(folder, now):
        return
    patch += source_patch(_in_no_repository(modules.files, code, now["code"]))
    if patch:
        write_atomic(folder.changes_of(attempt), masked_text(patch))
    write_json(folder.environment_of(attempt), now)


def _differs(folder: RunFolder, now: Mapping[str, Any]) -> bool:
    """Return whether the environment is not that of the first attempt; warn of what matters."""
    from sweepboard.runs.differences import between_environments
    from sweepboard.runs.saved_run import read_environment

    found = between_environments(read_environment(folder), now)
    for difference in found:
        if difference.matters:
            log.warning("not bit-exact from here: %s", difference)
    return bool(found)


def environment(
    code: Path, config: Mapping[str, Any], patch: str | None = None, modules: UserModules | None = None
) -> dict[str, Any]:
    """Return the environment of a run of `config` as plain containers. Import torch.

    `patch` and `modules` are those of `code` and `config` if they are already known.
    """
    modules = user_modules(config) if modules is None else modules
    return {
        "code": git_state(code, uncommitted_patch(code) if patch is None else patch),
        "sources": modules.digests,
        "unknown_code": modules.unknown,
        "python": {"version": platform.python_version(), "implementation": platform.python_implementation()},
        "packages": packages(),
        "torch": torch_build(),
        "hardware": hardware(),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "working_directory": str(Path.cwd()),
    }


@cache
def packages() -> dict[str, str]:
    """Return the installed distributions and their versions.

    The result is cached, and jobs of a sweep inherit it: there may be hundreds.
    """
    found = [_name_and_version(dist) for dist in metadata.distributions()]
    versions = {name: version for name, version in found if name}
    return dict(sorted(versions.items(), key=lambda item: item[0].lower()))


def _name_and_version(dist: metadata.Distribution) -> tuple[str, str]:
    """Return both from the head of the metadata: `dist.metadata` parses its description too, page by page."""
    text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    head = text.split("\n\n", 1)[0]
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    return fields.get("Name", "").strip(), fields.get("Version", "").strip()


def torch_build() -> dict[str, Any]:
    """Return the version, the CUDA version and the CPU instruction set of torch."""
    import torch

    return {
        "version": str(torch.__version__),
        "cuda": torch.version.cuda,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "mkldnn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
    }


def hardware() -> dict[str, Any]:
    """Return the host, the processor, and the cores, memory and GPUs that this process may use."""
    import torch

    cuda = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": processor(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "gpus": [torch.cuda.get_device_name(index) for index in cuda],
    }


def git_state(code: Path, patch: str) -> dict[str, Any] | None:
    """Return commit, branch, changed files and digest of `patch` of the repository of `code`, or None."""
    found = _git(code, "rev-parse", "--show-toplevel", "HEAD", "--abbrev-ref", "HEAD", codes=(0, 128))
    if not found:
        return None
    top, *head = found.splitlines()
    commit, branch = head if len(head) == 2 else (None, None)  # 128: there is no commit yet
    status = _git(code, "status", "--porcelain", "--ignore-submodules=dirty") or ""
    return {
        "repository": top,
        "commit": commit,
        "branch": branch,
        "changed": [line[3:] for line in status.splitlines()],
        "patch": hashlib.sha256(patch.encode()).hexdigest()[:16] if patch else None,
    }


def uncommitted_patch(code: Path) -> str:
    """Return changes of tracked files and the content of small untracked ones as a patch for `git apply`."""
    patch = _git(code, "diff", "HEAD", *_PLAIN, "--ignore-submodules=dirty")
    if patch is None:  # no repository, or no commit in it
        return ""
    untracked = (_git(code, "ls-files", "--others", "--exclude-standard", "-z") or "").split("\0")
    patch += "".join(_added(code, name) for name in untracked if name and not _is_result(code, name))
    return patch if len(patch) <= _LARGEST_PATCH else "# left out: the uncommitted changes are over 20 MiB\n"


def _is_result(code: Path, name: str) -> bool:
    """Return whether a file is in the folder of a run or a sweep, and so is not code."""
    marks = (".hydra", RECORD, "sweep.json")
    folders = list(Path(name).parents)[:-1]  # without `code` itself
    return any((code / folder / mark).exists() for folder in folders for mark in marks)


def _in_no_repository(
    files: Mapping[str, Path], code: Path, git: Mapping[str, Any] | None
) -> dict[str, Path]:
    """Return the files that neither a commit nor `uncommitted_patch` holds."""
    top = Path(git["repository"]) if git and git["commit"] else None
    inside = [str(path) for path in files.values() if top and path.resolve().is_relative_to(top)]
    listed = (
        _git(code, "ls-files", "-zco", "--exclude-standard", "--full-name", "--", *inside) if inside else ""
    )
    known = {top / name for name in (listed or "").split("\0") if top and name}
    return {name: path for name, path in files.items() if path.resolve() not in known}


def _added(code: Path, name: str) -> str:
    path = code / name
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_UNTRACKED:
        return ""
    # Exit code 1 says that the files differ, which they do.
    return _git(code, "diff", *_PLAIN, "--no-index", "--", os.devnull, name, codes=(0, 1)) or ""


def _git(code: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> str | None:
    """Return the output of git, without running a program that the repository's configuration names."""
    environment = _no_filters(code)
    done = _run_git(code, arguments, environment) if environment is not None else None
    return done.stdout if done is not None and done.returncode in codes else None


def _run_git(
    code: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            ["git", "-C", str(code), *_NO_PROGRAMS, *arguments],
            env={**os.environ, **_OFFLINE, **environment},
            capture_output=True, text=True, errors="replace", timeout=30,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None


@cache
def _no_filters(code: Path) -> Mapping[str, str] | None:
    """Return variables that switch off the content filters of the repository; None if git fails.

    Filters of the user's own configuration (Git LFS) stay on: without them their files count as changed.
    """
    done = _run_git(code, ["config", "--show-scope", "--name-only", "-z", "--get-regexp", _FILTER], {})
    if done is None or done.returncode > 1:  # 1: there are none
        return None
    fields = done.stdout.split("\0")
    own = [name for scope, name in zip(fields[::2], fields[1::2], strict=False) if scope in _REPOSITORY]
    settings: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(own))} if own else {}
    for number, name in enumerate(own):
        settings |= {f"GIT_CONFIG_KEY_{number}": name}
        settings |= {f"GIT_CONFIG_VALUE_{number}": "false" if name.endswith(".required") else ""}
    return settings


def _memory_gib() -> float | None:
    memory = total_memory()
    return round(memory / 2**30, 1) if memory is not None else None
