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
    names = [next(Path("whole").glob("events*steps*")).name, "train.log"]
    for number, name in enumerate(names):
        shutil.copytree("whole", f"damaged{number}")
        _flip(Path(f"damaged{number}", name), 100)
    command("resume", "whole", "trainer.epochs=3")
    for number, name in enumerate(names):
        run = Path(f"damaged{number}")
        caplog.clear()
        said = command("resume", str(run), "trainer.epochs=3")
        assert record_of(run)["weights_sha256"] == record_of(Path("whole"))["weights_sha256"]
        assert record_of(run)["best"] == record_of(Path("whole"))["best"]
        if name != "train.log":
            assert "damaged event file" in said.err + caplog.text
