"""A report as a reader uses it, in Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sweepboard.cli import main
from tests.browser import CHROMIUM, browser
from tests.conftest import WriteRun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium, which .ci/run installs"),
]

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, write_run: WriteRun) -> Path:
    """Two numbers and a name that differ, two seeds each, a run that failed, and a study."""
    folder = tmp_path_factory.mktemp("report")
    for lr in (0.1, 0.01):
        for model in ("mlp", "cnn"):
            for seed in (1, 2):
                curves = {
                    "val/accuracy": [(step, lr + seed / 10 + step / 1000) for step in range(100, 600, 100)],
                    "val/loss": [(step, 1 / step) for step in range(100, 600, 100)],
                    "test/accuracy": [(600, lr)],
                    "train/loss": [(step, 1 / step) for step in range(10, 600, 10)],
                }
                name = f"model={model},lr={lr},seed={seed}"
                values = {"model": model, "optimizer.lr": lr, "seed": seed}
                write_run(folder / "sweep" / name, values, curves)
    write_run(folder / "sweep" / "odd", {"optimizer.lr": 1.0}, None, {"status": "failed", "reason": HOSTILE})
    trials = [{"state": "complete", "values": [n / 9], "parameters": {"lr": n / 100}} for n in range(1, 10)]
    study = {"objectives": [{"tag": "val/accuracy", "mode": "max"}], "trials": trials}
    (folder / "sweep" / "study.json").write_text(json.dumps(study))
    assert main(["report", str(folder / "sweep"), "--output", str(folder / "report.html")]) == 0
    return folder / "report.html"


@pytest.fixture
def page(report: Path) -> Iterator[Page]:
    """The open page, which asked for nothing but itself and threw nothing."""
    asked: list[str] = []
    with browser(report.as_uri(), 1300, 900) as window:
        window.page.on("request", lambda request: asked.append(request.url))
        window.page.on("dialog", lambda dialog: asked.append(dialog.message))
        window.page.on("console", lambda line: window.errors.append(line.text))
        window.page.goto(report.as_uri())
        yield window.page
        assert window.errors == []
        assert asked == [report.as_uri()]


def lines(page: Page) -> list[str]:
    """The names of the runs in the table."""
    return page.locator("#table tbody tr td:last-child").all_inner_texts()


def colours(page: Page, chart: str) -> int:
    """The number of different colours in the canvas of a chart."""
    return int(
        page.locator(f"{chart} canvas").first.evaluate(
            """canvas => new Set(new Uint32Array(canvas.getContext("2d")
               .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
        )
    )


def test_every_part_is_there_and_drawn(page: Page) -> None:
    parts = ["table", "curves", "swept", "parallel", "importances", "runs", "differences"]
    for part in parts:
        expect(page.locator(f"section#{part}")).to_be_visible()
    titles = page.locator("#curves .chart h3").all_inner_texts()
    assert titles == ["val/accuracy", "val/loss", "train/loss"]
    assert page.locator("#swept .chart h3").all_inner_texts() == [
        "best val/accuracy by model", "best val/accuracy by optimizer.lr",
    ]  # fmt: skip
    for chart in ("#curves .chart:nth-child(1)", "#swept .chart:nth-child(1)", "#swept .chart:nth-child(2)"):
        assert colours(page, chart) > 20  # lines, dots and letters, not an empty canvas
    assert page.locator("#parallel polyline").count() == 5
    assert page.locator("#importances .bar").all_inner_texts() == ["lr\n100 %"]


def test_the_table_sorts_and_filters_and_the_curves_follow(page: Page) -> None:
    assert len(lines(page)) == 5
    heads = [text.strip() for text in page.locator("#table th").all_inner_texts() if text.strip()]
    assert heads[:5] == ["model", "lr", "runs", "best val/accuracy", "test/accuracy"]
    assert heads[-3:] == ["time", "status", "run"]
    page.get_by_role("button", name="lr", exact=True).click()
    rising = lines(page)
    page.get_by_role("button", name="lr ▴").click()
    assert lines(page) != rising
    page.get_by_role("searchbox").fill("lr<0.5 model=cnn")
    expect(page.locator("#table tbody tr")).to_have_count(2)
    expect(page.locator("#parallel polyline")).to_have_count(2)
    expect(page.locator("#runs .list > details:visible")).to_have_count(4)
    page.get_by_role("searchbox").fill("accuracy>0.7 lr<0.5")
    expect(page.locator("#table tbody tr")).to_have_count(2)
    page.get_by_role("button", name="show all").click()
    expect(page.locator("#table tbody tr")).to_have_count(5)


def test_curves_tell_their_values_and_zoom(page: Page) -> None:
    over = page.locator("#curves .chart").first.locator(".u-over")
    box = over.bounding_box()
    assert box
    width, height = box["width"], box["height"]
    for share in range(1, 20):  # somewhere on the way up there is a curve
        page.mouse.move(box["x"] + width / 2, box["y"] + height * share / 20)
        if page.locator("#tip").is_visible():
            break
    assert "step 300:" in page.locator("#tip").inner_text()
    scale = "charts[0].scales.x.max - charts[0].scales.x.min"
    before = page.evaluate(scale)
    page.mouse.move(box["x"] + width * 0.2, box["y"] + height / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + width * 0.6, box["y"] + height / 2, steps=5)
    page.mouse.up()
    assert page.evaluate(scale) < 0.6 * before
    over.dblclick()
    assert page.evaluate(scale) == before


def test_curves_of_seeds_stand_apart_and_on_log_axes(page: Page) -> None:
    assert "mean of 2" in page.evaluate("charts[0].series.map(each => each.label).join()")
    page.get_by_label("seeds apart").check()
    assert "mean of 2" not in page.evaluate("charts[0].series.map(each => each.label).join()")
    assert page.evaluate("charts[0].series.length") == 10
    page.get_by_label("log y").check()
    assert page.evaluate("charts[0].scales.y.distr") == 3


def test_an_axis_of_the_parallel_coordinates_keeps_the_rows_within(page: Page) -> None:
    page.locator("#parallel").scroll_into_view_if_needed()
    box = page.locator("#parallel rect.grip").last.bounding_box()
    assert box
    page.mouse.move(box["x"] + 14, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + 14, box["y"] + box["height"] * 0.99)
    page.mouse.up()
    expect(page.locator("#parallel rect.brush")).to_have_count(1)
    kept = page.locator("#table tbody tr").count()
    assert 0 < kept < 5
    expect(page.locator("#parallel polyline")).to_have_count(kept)


def test_a_run_shows_what_is_recorded_as_text(page: Page) -> None:
    odd = page.locator("#runs .list > details", has_text="odd")
    odd.locator("summary").first.click()
    expect(odd.locator(".inner")).to_contain_text(HOSTILE)
    odd.get_by_text("configuration (").click()
    expect(odd.get_by_text("optimizer.lr", exact=True)).to_be_visible()
    odd.get_by_text("environment (").click()
    assert page.locator("img").count() == 0


def test_two_runs_are_compared(page: Page) -> None:
    first, second = (page.locator("#differences select").nth(place) for place in range(2))
    first.select_option("1")
    second.select_option("2")
    expect(page.locator("#differences td", has_text="config.seed")).to_have_count(1)
    assert page.locator("#differences td").all_inner_texts() == ["config.seed", "1", "2"]
