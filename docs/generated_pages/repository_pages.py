"""Markdown files of the repository as pages, whose links lead to the other pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from posixpath import relpath

_TOP = {
    "index.md": "README.md",
    "security.md": "SECURITY.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "benchmarks.md": "benchmarks/README.md",
    "results.md": "benchmarks/RESULTS.md",
    "recipes/index.md": "examples/README.md",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#:\s]+)(#[^)]*)?\)")


@cache
def pages_of(root: Path) -> dict[str, Path]:
    """Return the source of each page that is a file of the repository, by the page's name."""
    pages = {page: root / source for page, source in _TOP.items()}
    pages |= {f"recipes/{path.parent.name}.md": path for path in sorted(root.glob("examples/*/README.md"))}
    return pages | {path.name: path for path in sorted(root.glob("docs/*.md"))}


def with_links(markdown: str, source: Path, page: str, pages: Mapping[str, Path]) -> str:
    """Return the text of `source` as that of `page`; a link to a file that is no page becomes its text."""
    page_of = {path: name for name, path in pages.items()}
    docs = next(path.parent for path in pages.values() if path.parent.name == "docs")

    def rewritten(link: re.Match[str]) -> str:
        picture, words, target, anchor = link.groups(default="")
        path = (source.parent / target).resolve()
        path = path / "README.md" if path.is_dir() else path
        name = page_of.get(path)
        if name is None and path.is_relative_to(docs):
            name = path.relative_to(docs).as_posix()  # a picture
        if name is None:
            return words
        return f"{picture}[{words}]({relpath(name, Path(page).parent.as_posix())}{anchor})"

    return _LINK.sub(rewritten, markdown)
