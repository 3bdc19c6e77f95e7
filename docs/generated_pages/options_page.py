"""The options of every config group that come with sweepboard, as their YAML."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

CONF = Path(__file__).resolve().parents[2] / "conf"
INTRODUCTION = """# Options

The YAML that comes with sweepboard. `model=mlp` chooses a file of the folder `model`; each of its keys can be
changed (`'model.hidden=[64]'`). A file of that name in a folder of your own (`--config-dir`) takes its place.
"""


def text() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    files = sorted(CONF.rglob("*.yaml"), key=lambda path: (path.parent != CONF, path))
    for folder, options in groupby(files, lambda path: path.parent.relative_to(CONF).as_posix()):
        yield f"## {'What a run begins with' if folder == '.' else f'`{folder}`'}\n"
        for path in options:
            title = path.name if folder == "." else f"{folder}={path.stem}"
            yield f'```{{ .yaml title="{title}" }}\n{path.read_text().rstrip()}\n```\n'
