"""Every test of sweeps gets a folder of its own to be in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Command, command_in, own_imports


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs `sweepboard` in an empty folder, where jobs find `mischief.Mischief` too."""
    folder = tmp_path / "work"
    folder.mkdir()
    with own_imports(folder):
        yield command_in(folder, monkeypatch, capfd)
