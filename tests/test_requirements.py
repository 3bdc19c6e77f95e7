"""Continuous integration has every package that tests need, so that none is left out unseen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def missing(project: dict[str, Any]) -> list[str]:
    return [name for name in required(project) if not installed(name)]


def required(project: dict[str, Any]) -> Iterator[str]:
    extras = project["project"]["optional-dependencies"]
    groups = [project["dependency-groups"][name] for name in ("test", "examples", "bench")]
    for word in (one for part in (*extras.values(), *groups) for one in part):
        if not word.startswith("sweepboard["):
            yield re.split(r"[<>=!~ ]", word)[0]


def installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


@pytest.mark.skipif("NO_SKIPPED_PACKAGES" not in os.environ, reason="set by .ci/run")
def test_every_package_is_installed() -> None:
    tomllib = pytest.importorskip("tomllib")
    assert not missing(tomllib.loads(PROJECT.read_text()))


def test_a_package_that_is_not_there_is_named() -> None:
    extras = {"optional-dependencies": {"x": ["no-such-package>=2", "sweepboard[y]"]}}
    groups: dict[str, list[str]] = {"test": ["pytest"], "examples": [], "bench": []}
    assert missing({"project": extras, "dependency-groups": groups}) == ["no-such-package"]
