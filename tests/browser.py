"""TensorBoard's panels in headless Chromium: for tests, and for pictures.

By hand: `python -m tests.browser LOGDIR FOLDER [PANEL ...]` takes a picture of each panel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import FrameLocator, Page, expect, sync_playwright

from tests.tensorboard_server import tensorboard_server

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

SHOWN = {
    "timeseries": "card-view",
    "scalars": "card-view, tf-scalar-dashboard",
    "custom_scalars": "tf-custom-scalar-multi-line-chart-card",
    "hparams": "tf-hparams-table-view, hparams-main",
    "images": "tf-image-loader img",
    "graphs": "g.node",
    "text": "tf-text-loader",
    "distributions": "vz-distribution-chart",
    "histograms": "vz-histogram-timeseries",
    "pr_curves": "tf-pr-curve-card",
    "projector": "canvas",
}
"""Panels, and what stands on each once it has drawn."""


class Window:
    """A browser window on a TensorBoard at `url`; `errors` gathers what its pages throw."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, panel: str) -> Page:
        """Show a panel and wait until it has drawn; fails where it does not."""
        self.page.goto("about:blank")  # a change of the fragment alone would not load the page again
        self.page.goto(f"{self.url}#{panel}")
        expect(self._inside(panel).locator(SHOWN[panel]).first).to_be_visible(timeout=30_000)
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(1500)  # charts move to their place
        return self.page

    def _inside(self, panel: str) -> Page | FrameLocator:
        """The projector is a page in a page in the page."""
        if panel != "projector":
            return self.page
        return self.page.frame_locator("iframe").frame_locator("iframe")

    def expand(self, *boxes: str) -> None:
        """Open boxes of the graph, outer ones first, and fit it to the window."""
        for box in boxes:
            self.page.locator(f'g.node[data-name="{box}"]').first.dblclick(force=True)
            self.page.wait_for_timeout(1000)
        self.page.get_by_text("Fit to screen").click()
        self.page.wait_for_timeout(1000)

    def picture(self, path: Path) -> None:
        """What is in the window now, as PNG."""
        self.page.screenshot(path=path)


@contextmanager
def browser(url: str, width: int = 1400, height: int = 900, sharp: bool = False) -> Iterator[Window]:
    """A window of `width` by `height`; `sharp` doubles the pixels of its pictures."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            page = chromium.new_page(
                viewport={"width": width, "height": height}, device_scale_factor=2 if sharp else 1
            )
            yield Window(page, url)
        finally:
            chromium.close()


def take_pictures(logdir: Path, folder: Path, panels: Sequence[str] = tuple(SHOWN)) -> list[str]:
    """A picture `<panel>.png` of each panel into `folder`; returns what the pages threw."""
    folder.mkdir(parents=True, exist_ok=True)
    with tensorboard_server(logdir, fast=True) as server, browser(server.url) as window:
        for panel in panels:
            window.open(panel)
            window.picture(folder / f"{panel}.png")
        return window.errors


if __name__ == "__main__":
    logdir, folder, *panels = sys.argv[1:]
    print(*take_pictures(Path(logdir), Path(folder), panels or tuple(SHOWN)), sep="\n")
