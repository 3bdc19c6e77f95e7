"""The user's modules as a patch that makes them anew, for code that no commit holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

LARGEST = 2**20
"""Bytes of a file that is copied; of a larger one the digest in environment.json must do."""


def source_patch(files: Mapping[str, Path]) -> str:
    """Return a patch for `git apply` that adds the modules, each below the name by which it is imported."""
    return "".join(_added(_place(name, path), path) for name, path in files.items())


def _place(name: str, path: Path) -> str:
    ending = f"/{path.name}" if path.name == "__init__.py" else path.suffix
    return name.replace(".", "/") + ending


def _added(place: str, path: Path) -> str:
    text = _text(path)
    if text is None:
        return f"# left out: {place} is over 1 MiB, or no text\n"
    start = f"diff --git a/{place} b/{place}\nnew file mode 100644\n"
    return start + "".join(_hunk(place, text))


def _text(path: Path) -> str | None:
    if path.stat().st_size > LARGEST:
        return None
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return None


def _hunk(place: str, text: str) -> Iterator[str]:
    if not text:
        yield "index 0000000..e69de29\n"
        return
    lines = text.removesuffix("\n").split("\n")
    yield f"--- /dev/null\n+++ b/{place}\n@@ -0,0 +1,{len(lines)} @@\n"
    yield from (f"+{line}\n" for line in lines)
    if not text.endswith("\n"):
        yield "\\ No newline at end of file\n"
