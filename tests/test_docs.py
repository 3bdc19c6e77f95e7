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
from tests.command import Command
from tests.documents import blocks, play

ROOT = Path(__file__).parent.parent
CLUSTERS = ROOT / "docs/clusters.md"
PACKAGE = Path(sweepboard.__file__).parent
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "CONTRIBUTING.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = set(re.findall(r"`((?:src/|tests/|conf/|docs/)?[\w/]+(?:\.(?:py|yaml|md)|/))`", page.read_text()))
    assert [
        name for name in sorted(named) if not (ROOT / name).exists() and not (PACKAGE / name).exists()
    ] == []


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", ROOT / "SECURITY.md"], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.slow
def test_every_example_of_optimizers_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert len(play((ROOT / "docs/optimizers.md").read_text(), tmp_path)) >= 10


@pytest.mark.slow
def test_every_example_of_extending_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "work"
    folder.mkdir()
    assert len(play((ROOT / "docs/extending.md").read_text(), folder)) >= 5
    subprocess.run([sys.executable, "-m", "pytest", "-q", "test_my_executor.py"], cwd=folder, check=True)


@pytest.mark.slow
def test_every_example_of_ranks_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert len(play((ROOT / "docs/ranks.md").read_text(), tmp_path)) >= 4


@pytest.mark.slow
def test_every_example_of_starting_points_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "work"
    folder.mkdir()
    assert len(play((ROOT / "docs/starting_points.md").read_text(), folder)) >= 5


@pytest.mark.slow
def test_every_example_of_clusters_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'sweepboard[ray]'")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert len(play(CLUSTERS.read_text(), tmp_path)) >= 5


def test_manifests_of_clusters_are_yaml_whose_commands_compose(command: Command) -> None:
    manifests = [text for language, _, text in blocks(CLUSTERS.read_text()) if language == "yaml"]
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
