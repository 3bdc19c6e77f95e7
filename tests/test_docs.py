"""The pages in docs/ are true: the files they name exist, and what they show runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import sweepboard
from generated_pages.reference import REFERENCE
from generated_pages.repository_pages import pages_of, with_links
from sweepboard.cli.dispatch import VERBS
from sweepboard.settings import settings
from tests.command import Command
from tests.documents import blocks, play

ROOT = Path(__file__).parent.parent
CLUSTERS = ROOT / "docs/clusters.md"
PACKAGE = Path(sweepboard.__file__).parent
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "CONTRIBUTING.md"])
OF_THE_CODE = ["docs/architecture.md", "docs/extending.md", "docs/optimizers.md", "CONTRIBUTING.md"]
"""Pages that name files of ours; the others name files of users, too."""
NEEDS = {"optimizers.md": ["timm"], "search.md": ["optuna"], "clusters.md": ["ray"]}
"""Packages beside those of sweepboard that the examples of a page import."""


@pytest.mark.parametrize("page", OF_THE_CODE)
def test_files_that_a_page_names_exist(page: str) -> None:
    named = set(
        re.findall(r"`((?:src/|tests/|conf/|docs/)?[\w/]+(?:\.(?:py|yaml|md)|/))`", (ROOT / page).read_text())
    )
    assert [
        name for name in sorted(named) if not (ROOT / name).exists() and not (PACKAGE / name).exists()
    ] == []


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", ROOT / "SECURITY.md"], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    here = [link for link in links if link not in REFERENCE]
    assert [link for link in here if not (page.parent / link).exists()] == []


def test_the_reference_is_made_from_the_code() -> None:
    made = {page: text() for page, text in REFERENCE.items()}
    assert all(f"\n| `{one.name}` |" in made["reference/settings.md"] for one in settings().values())
    assert all(f"\n## {verb}\n" in made["reference/commands.md"] for verb in VERBS)
    assert "```text\n\n```" not in made["reference/commands.md"]
    assert all(f"::: sweepboard.{name}\n" in made["reference/python.md"] for name in sweepboard.__all__)
    options = (path.relative_to(ROOT / "conf") for path in (ROOT / "conf").glob("*/*.yaml"))
    assert all(f'"{one.parent}={one.stem}"' in made["reference/options.md"] for one in options)


def test_links_to_files_of_the_repository_become_links_to_pages() -> None:
    pages = pages_of(ROOT)
    text = (
        "[a](docs/sweeps.md#seeds) [b](examples/gan) ![c](docs/board.png) [d](LICENSE) [e](https://x.example)"
    )
    linked = "[a](sweeps.md#seeds) [b](recipes/gan.md) ![c](board.png) d [e](https://x.example)"
    assert with_links(text, ROOT / "README.md", "index.md", pages) == linked
    below = with_links("[a](../SECURITY.md) [b](vae)", ROOT / "examples/README.md", "recipes/index.md", pages)
    assert below == "[a](../security.md) [b](vae.md)"


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    words = ["mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = (
        r"""<(?:script|img|link rel="(?:stylesheet|icon|preload)")[^>]*?(?:src|href)="(?:https?:)?//[^"]*"""
    )
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    assert [found for page in pages for found in re.findall(loaded, page.read_text())] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```console" in page.read_text()], ids=lambda page: page.name
)
def test_every_example_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name in NEEDS.get(page.name, ()):
        pytest.importorskip(name)
    if page == CLUSTERS:
        request.getfixturevalue("slurm")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "work"
    folder.mkdir()
    assert play(page.read_text(), folder)
    for written in folder.glob("test_my_executor.py"):
        subprocess.run([sys.executable, "-m", "pytest", "-q", written.name], cwd=folder, check=True)


def test_manifests_of_clusters_are_yaml_whose_commands_compose(command: Command) -> None:
    manifests = [
        text for language, name, text in blocks(CLUSTERS.read_text()) if language == "yaml" and not name
    ]
    assert len(manifests) == 3
    for manifest in manifests:
        command("plan", *words_of(yaml.safe_load(manifest)))


def words_of(manifest: dict[str, Any]) -> list[str]:
    """The overrides in a manifest of Kubernetes, SkyPilot or dstack, without `-m`."""
    if "kind" in manifest:
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        words: list[str] = container["command"]
    else:
        words = (manifest.get("run") or manifest["commands"][-1]).removeprefix("exec ").split()
    assert words[:2] == ["sweepboard", "-m"]
    return words[2:]
