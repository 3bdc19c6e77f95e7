"""Make the pictures of the documentation anew: `make pictures`, or `python -m tests.pictures [NAME ...]`.

They show real commands on the data that come with the package, on a terminal of 80 columns and in Chromium.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from tests.browser import browser
from tests.served_board import served_board
from tests.terminal_picture import screen_of, take_picture

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SWEEP = "outputs/sweeps/lr"
RUN = "sweepboard model=mlp"
SWEEPING = "sweepboard -m model=mlp optimizer.lr=1e-2,1e-3,1e-4 seed=1,2,3 sweep.name=lr"
COLOURS = 96
"""Colours of a stored picture: few enough to be small, and enough for smooth edges of letters."""


def terminal(command: str) -> Callable[[Path], None]:
    """Return what takes a picture of the terminal after a command."""
    return lambda path: take_picture(screen_of(command).page(), path)


def board(panel: str, width: int, height: int, drawn: str) -> Callable[[Path], None]:
    """Return what takes a picture of a panel of the board of the sweep, when it has `drawn` an element."""

    def take(path: Path) -> None:
        with served_board(Path.cwd(), SWEEP) as url, browser(url, width, height) as window:
            window.open(panel).locator(drawn).last.wait_for(state="attached", timeout=60_000)
            window.page.wait_for_timeout(1500)  # lines move to their place
            window.picture(path)

    return take


def report(path: Path) -> None:
    """Take a picture of the top of the report of the sweep."""
    screen_of(f"sweepboard report {SWEEP}")
    with browser(Path("lr.html").resolve().as_uri(), width=1200, height=820) as window:
        window.page.goto(window.url)
        window.page.wait_for_timeout(1500)
        window.picture(path)


def plot(path: Path) -> None:
    """Draw the curves of the sweep, as for a paper."""
    screen_of(f"sweepboard compare {SWEEP} --plot {path} --width text")


PICTURES: dict[str, Callable[[Path], None]] = {
    "run": terminal(RUN),
    "sweep": terminal(SWEEPING),
    "compare": terminal(f"sweepboard compare {SWEEP}"),
    "board": board("timeseries", 1400, 640, "metrics-pinned-view card-view:last-of-type path"),
    "hparams": board("hparams", 1700, 480, "tf-hparams-table-view .table-cell"),
    "report": report,
    "plot": plot,
}
"""How each picture is taken, in a folder with the sweep if it is not the first two."""


def reduced(path: Path) -> None:
    """Store a picture with few colours, so that it is small."""
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def main(names: Sequence[str]) -> None:
    """Train in an empty folder, and write the pictures of these names, or all."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # a busy machine must not make training look slow
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if names and "sweep" not in names:
            screen_of(SWEEPING)
        for name in names or PICTURES:
            path = FOLDER / f"{name}.png"
            PICTURES[name](path)
            reduced(path)
            print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
