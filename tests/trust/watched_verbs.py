"""Run verbs and tell, as the last line, what was opened, run or connected to beyond what they are given."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path.cwd().resolve()
READ = [
    sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(Path(__file__).resolve().parents[2]),
    "/proc", "/sys", "/dev", "/etc", "/usr/lib", "/usr/share/zoneinfo", "/usr/share/fonts", "/lib",
    str(HERE / "runs"), str(HERE / "outputs"),
]  # fmt: skip
WRITE = [str(HERE / "runs"), str(HERE / "outputs"), "/dev/null", "/proc"]
for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
    if name in os.environ:
        WRITE.append(os.environ[name])
WRITE += [str(HERE / "as-it-was.safetensors")]  # what `export` writes
SCRATCH = tuple(
    f"{os.path.realpath(tempfile.gettempdir())}/{name}"
    for name in ("sweepboard-verify-", "tmp", "torchinductor_")
)
"""Beginnings of scratch folders, ours and torch's: the folder of these tests is temporary and watched."""
REAL_READ = [str(Path(root).resolve()) for root in [*READ, *WRITE]] + READ
REAL_WRITE = [str(Path(root).resolve()) for root in WRITE]
beyond: list[str] = []


NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "os.system")


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note an event that leads outside."""
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        check_open(Path(os.fsdecode(arguments[0])), arguments[2])
    elif event in ("os.remove", "os.rmdir"):
        check_removal(Path(os.fsdecode(arguments[0])), arguments[1])
    elif event in NETWORK:
        beyond.append(f"{event} {arguments[1:]}")
    elif event == "os.mkdir" and not is_in(Path(os.fsdecode(arguments[0])), REAL_WRITE):
        beyond.append(f"{event} {arguments[0]!r}")


def check_open(path: Path, flags: int) -> None:
    """Note a file outside; a temporary one that `export` renames is seen by its own name."""
    writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (
        not writes and not path.exists()
    ):  # nothing is read; also what a removal opens in a folder by its handle
        return
    temporary = path.absolute().parent == HERE and path.name.startswith(".partial.")
    if not temporary and not is_in(path, REAL_WRITE if writes else REAL_READ):
        beyond.append(f"open {str(path)!r} {'to write' if writes else 'to read'}")


def check_removal(path: Path, folder: int) -> None:
    """Note what is removed outside; `folder` is the handle that the path is relative to, or -1."""
    start = Path(f"/proc/self/fd/{folder}") if folder >= 0 else Path()
    place = Path(os.path.realpath((start / path).parent), path.name)  # a link itself is removed
    if not str(place).startswith(SCRATCH) and not is_in(place.parent, REAL_WRITE):
        beyond.append(f"remove {str(path)!r}")


def is_in(path: Path, roots: list[str]) -> bool:
    """Whether the path, its links followed, lies in one of the roots; the working directory may be listed."""
    full = os.path.realpath(path)
    return (
        full.startswith(SCRATCH)
        or full == str(HERE)
        or any(full == root or full.startswith(root.rstrip("/") + "/") for root in roots)
    )


if __name__ == "__main__":
    from sweepboard.cli import main

    if sys.argv[2:]:  # a rule to switch off, so that it can be seen to be the one that holds
        module, _, rule = sys.argv[2].rpartition(".")
        setattr(import_module(module), rule, lambda *_: True)
    sys.addaudithook(watch)
    codes = {" ".join(call): main(call) for call in json.loads(sys.argv[1])}
    print(json.dumps({"codes": codes, "beyond": sorted(set(beyond))}))
