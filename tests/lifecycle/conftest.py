"""Every test of a run's life gets a folder of its own to be in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Command, command_in


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs `sweepboard` in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return command_in(folder, monkeypatch, capfd)
