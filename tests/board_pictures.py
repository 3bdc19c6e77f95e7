"""Pictures of `sweepboard board` for the documentation: `python -m tests.board_pictures docs`.

They are of a real sweep, in headless Chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from PIL import Image

from tests.browser import browser

SWEEP = [
    "-m", "model=mlp", "optimizer.lr=3e-2,3e-3,3e-4", "model.dropout=0.2", "seed=1,2", "trainer.epochs=4",
    "logging.every_steps=20", "sweep.name=lr",
]  # fmt: skip


def sweepboard(folder: Path, *words: str) -> None:
    """Run a command in `folder`."""
    command = [sys.executable, "-m", "sweepboard", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=1800)


@contextmanager
def served_board(folder: Path, *words: str) -> Iterator[str]:
    """Run `sweepboard board` in `folder`; the address that it prints."""
    command = [sys.executable, "-m", "sweepboard", "board", *words]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+/", server.stdout.readline())
        try:
            assert found is not None
            _wait_for_runs(found[0])
            yield found[0]
        finally:
            server.terminate()


def _wait_for_runs(url: str) -> None:
    """Wait until TensorBoard answers and has read all scalars that it finds at first."""
    seen = b""
    for _ in range(240):
        time.sleep(1)
        with suppress(OSError), urlopen(f"{url}data/plugin/scalars/tags", timeout=30) as answer:
            before, seen = seen, answer.read()
            if seen == before and len(seen) > len(b"{}"):
                return
    raise AssertionError(f"{url} shows no run")


def reduced(path: Path, colours: int = 96) -> None:
    """Store a picture with few colours, so that it is small."""
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def main(arguments: Sequence[str]) -> None:
    """Train, and take the pictures `board.png` and `hparams.png` into the given folder."""
    pictures = Path(arguments[0]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        sweepboard(Path(folder), *SWEEP)
        with (
            served_board(Path(folder), "outputs/sweeps/lr") as url,
            browser(url, width=1400, height=860) as window,
        ):
            for panel, name in (("timeseries", "board.png"), ("hparams", "hparams.png")):
                window.open(panel)
                window.picture(pictures / name)
                reduced(pictures / name)


if __name__ == "__main__":
    main(sys.argv[1:])
