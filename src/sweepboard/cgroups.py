"""Read the limits of this process's control groups (Linux, versions 1 and 2), which containers set."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
"""A line `hierarchy:controllers:path` for every hierarchy; version 2 has number 0, no controllers."""

_UNLIMITED = 2**60
"""Version 1 writes a number near 2**63 where there is no limit."""


@dataclass(frozen=True)
class MemoryLimit:
    """The bytes that a group may use, and those in use that cannot be reclaimed."""

    limit: int
    used: int


def cpu_quotas() -> Iterator[int]:
    """Yield the number of cores that each group with a quota may use, rounded up."""
    for folder in _groups(""):
        yield from _quota(*_text(folder / "cpu.max").partition(" ")[::2])
    for folder in _groups("cpu"):
        yield from _quota(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def memory_limits() -> Iterator[MemoryLimit]:
    """Yield the limit of each group that has one. Cached files do not count as used."""
    for folder in _groups(""):
        yield from _memory(folder, "memory.max", "memory.current", "inactive_file")
    for folder in _groups("memory"):
        yield from _memory(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _quota(quota: str, period: str) -> Iterator[int]:
    if quota.isdigit() and period.isdigit() and int(period):
        yield math.ceil(int(quota) / int(period))


def _memory(folder: Path, limit: str, used: str, cached: str) -> Iterator[MemoryLimit]:
    most, now = _text(folder / limit), _text(folder / used)
    if most.isdigit() and now.isdigit() and int(most) < _UNLIMITED:
        lines = (line.split() for line in _text(folder / "memory.stat").splitlines())
        stat = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
        yield MemoryLimit(int(most), max(0, int(now) - stat.get(cached, 0)))


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's group and of its parents; the controller "" is version 2."""
    if sys.platform != "linux":
        return
    for line in _text(MEMBERSHIP).splitlines():
        number, controllers, path = line.split(":", 2)
        if (controller in controllers.split(",")) if controller else (number == "0"):
            for root in _roots(controllers, controller):
                # A container may see the path of its host, but have only its own group mounted: at the root.
                own = root / path.lstrip("/")
                yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(root))


def _roots(controllers: str, controller: str) -> Iterator[Path]:
    """Yield the folders where a hierarchy may be mounted."""
    names = (controller, controllers) if controller else ("", "unified")
    yield from (MOUNT / name for name in dict.fromkeys(names) if (MOUNT / name).is_dir())


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
