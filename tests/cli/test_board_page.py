"""What a person sees of `sweepboard board`, in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.browser import CHROMIUM, Window, browser
from tests.served_board import served_board, sweepboard

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")]

SMALL = ["trainer=debug", "threads=1", "logging.every_steps=1"]
CLASSES = [
    "-m", "model=mlp", "model.dropout=0.2", "dataset=gaussian", "optimizer.lr=0.1,0.01", "seed=1,2",
    "callbacks=gradient_norm", "callbacks.gradient_norm.every_steps=1", "sweep.name=lr",
]  # fmt: skip
LINE = ["-m", "model=linear", "dataset=line", "task=regression", "optimizer.lr=0.1,0.01", "sweep.name=line"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep of two learning rates and two seeds, and its aggregate."""
    work = tmp_path_factory.mktemp("work")
    sweepboard(work, *CLASSES, *SMALL)
    sweepboard(work, "compare", "outputs/sweeps/lr", "--aggregate")
    return work


@pytest.fixture(scope="module")
def window(work: Path) -> Iterator[Window]:
    with served_board(work, "outputs/sweeps/lr") as url, browser(url) as window:
        yield window


def tags(page: Page, cards: str) -> list[str]:
    return ["".join(text.split()) for text in page.locator(f"{cards} .tag").all_inner_texts()]


def test_it_opens_on_what_matters(window: Window) -> None:
    page = window.open("timeseries")
    expect(page.locator("metrics-pinned-view card-view")).to_have_count(2, timeout=30_000)
    assert tags(page, "metrics-pinned-view card-view") == ["train/loss", "val/accuracy"]
    groups = page.locator(".group-title").all_inner_texts()
    assert [text.split()[0] for text in groups] == ["Pinned", "train", "val", "val_best"]
    told = parse_qs(urlparse(page.url).query)
    assert (told["smoothing"], told["runColorGroup"]) == (["0"], ["regex:(?:^|[/,])optimizer.lr=([^,]*)"])


def test_seeds_have_the_colour_of_the_swept_value(window: Window) -> None:
    page = window.open("timeseries")
    rows = page.locator("runs-data-table tb-data-table-content-row")
    colours: dict[str, set[str]] = {}
    for row in rows.all():
        name = row.inner_text().strip().splitlines()[0]
        swatch = row.locator(".run-color-swatch").evaluate("it => getComputedStyle(it).backgroundColor")
        colours.setdefault(name.split(",")[0].split("/")[-1], set()).add(swatch)
    assert sorted(colours) == ["optimizer.lr=0.01", "optimizer.lr=0.1"]
    (one,), (other,) = colours.values()
    assert one != other


def headers(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("tf-hparams-table-view .table-header").all_inner_texts()]


def test_the_table_of_hyperparameters_begins_with_what_was_swept(window: Window) -> None:
    page = window.open("hparams")
    assert headers(page)[:3] == ["Trial ID", "Show Metrics", "optimizer.lr"]
    assert {"model", "dataset"} <= set(headers(page))
    first = headers(page).index("val/accuracy")
    assert headers(page)[first : first + 2] == ["val/accuracy", "val_best/accuracy"]
    names = page.locator("tf-hparams-table-view .table-cell").all_inner_texts()
    rows = [text for text in names if text.startswith("lr=")]
    assert len(rows) == 2, "seeds are one row"
    assert "0.01" in rows[0]


def test_bands_over_seeds_are_drawn(window: Window, tmp_path: Path) -> None:
    page = window.open("custom_scalars")
    card = page.locator("tf-custom-scalar-margin-chart-card").first
    expect(card).to_be_visible(timeout=30_000)
    expect(card.locator("path.area").first).to_be_attached(timeout=30_000)
    assert card.evaluate("card => card.title") == "val/accuracy", "the primary metric comes first"
    window.picture(tmp_path / "bands.png")
    assert window.errors == []


def test_parallel_coordinates_have_a_line_for_every_row_of_several_tasks(work: Path, window: Window) -> None:
    sweepboard(work, *LINE, *SMALL)
    with served_board(work) as url:
        window = Window(window.page, url)
        page = window.open("hparams")
        page.get_by_text("PARALLEL COORDINATES VIEW", exact=False).first.click()
        lines = page.locator("tf-hparams-parallel-coords-plot .foreground path")
        expect(lines).to_have_count(4, timeout=30_000)
        told = parse_qs(urlparse(window.open("timeseries").url).query)
        assert [key in told["pinnedCards"][0] for key in ("train/loss", "val/accuracy")] == [True, True]
