"""libjpeg-turbo alone: a program in C, compiled once with the system's compiler and library."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.baselines import photographs
from benchmarks.baselines.fashion import cache

SOURCE = Path(__file__).with_name("decode_jpegs.c")


def program() -> Path:
    """The compiled program, newer than its source. Needs a C compiler and libjpeg-turbo with its headers."""
    made = cache() / "decode_jpegs"
    if not made.exists() or made.stat().st_mtime < SOURCE.stat().st_mtime:
        made.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", str(SOURCE), "-ljpeg", "-o", str(made)], check=True)
    return made


def listed() -> Path:
    """A file with the path of every picture."""
    made = cache() / f"{photographs.folder().name}.txt"
    paths = sorted(photographs.folder().rglob("*.jpg"))
    made.write_text("".join(f"{path}\n" for path in paths))
    return made


def prepare() -> None:
    """Make both."""
    program()
    listed()
