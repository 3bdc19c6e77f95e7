"""A flipped byte in a file that `resume` adds to: the run ends as it would have, and the damage is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command import TINY, Command, record_of


def _flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 4
    file.write_bytes(content)


def test_resume_with_a_flipped_byte_ends_as_without(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    command(*TINY, "dataset=gaussian", "hydra.run.dir=whole")
    events = next(Path("whole").glob("events*steps*"))
    middle = events.stat().st_size // 2
    places = [(events.name, 100), (events.name, 1), (events.name, 10), (events.name, middle)]
    places += [("train.log", 100), ("train.log", -1)]
    for number, (name, place) in enumerate(places):
        shutil.copytree("whole", f"damaged{number}")
        _flip(Path(f"damaged{number}", name), place)
    command("resume", "whole", "trainer.epochs=3")
    for number, (name, _) in enumerate(places):
        run = Path(f"damaged{number}")
        caplog.clear()
        said = command("resume", str(run), "trainer.epochs=3")
        assert record_of(run)["weights_sha256"] == record_of(Path("whole"))["weights_sha256"]
        assert record_of(run)["best"] == record_of(Path("whole"))["best"]
        if name != "train.log":
            assert "damaged event file" in said.err + caplog.text
