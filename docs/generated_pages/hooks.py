"""The hook of MkDocs: add the generated pages, and let links to files of the repository lead to pages."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from generated_pages.reference import REFERENCE  # noqa: E402
from generated_pages.repository_pages import pages_of, with_links  # noqa: E402

_FILE_NAME = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)


def on_config(config: Any) -> Any:
    """List the recipes in the navigation."""
    recipes = [page for page in pages_of(ROOT) if page.startswith("recipes/")]
    for section in config.nav:
        if "Recipes" in section:
            section["Recipes"] = recipes
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each Markdown file of the repository, and the reference."""
    for page, source in pages_of(ROOT).items():
        if source.parent != ROOT / "docs":
            files.append(File.generated(config, page, content=source.read_text()))
    for page, text in REFERENCE.items():
        files.append(File.generated(config, page, content=text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite links, and show the name of a file that the reader is told to write as its title."""
    pages = pages_of(ROOT)
    uri = page.file.src_uri
    linked = with_links(markdown, pages[uri], uri, pages) if uri in pages else markdown
    return _FILE_NAME.sub(r'```{ .\1 title="\2" }', linked)
