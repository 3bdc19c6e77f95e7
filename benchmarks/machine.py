"""On what a measurement was taken: hardware, versions, code."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "hydra-core",
    "hydra-joblib-launcher",
    "tensorboard",
    "numpy",
)


def describe() -> dict[str, str]:
    """One line of text per thing that can change a result."""
    return {
        "processor": _processor(),
        "memory": _memory(),
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "commit": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    flags = [name for name in wanted if name in facts.get("flags", "").split()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{facts.get('model name', platform.processor())}, {cores} cores ({', '.join(flags)})"


def _memory() -> str:
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"


def _gpu() -> str:
    try:
        command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _commit() -> str:
    """Return the commit of the code, `-dirty` if anything but the results of benchmarks was changed since."""
    changed = _git("status", "--porcelain", "--", "src", ":(glob)benchmarks/**/*.py", "pyproject.toml")
    return _git("rev-parse", "--short=10", "HEAD") + ("-dirty" if changed else "")


def _git(*words: str) -> str:
    command, here = ["git", *words], Path(__file__).parents[1]
    return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False).stdout.strip()
