"""A real TensorBoard shows everything of a run that logs all there is: over HTTP, and in a browser."""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sweepboard.board.open_board import open_board
from sweepboard.settings import LoggingSettings
from tests.board.tiny import IMAGES, tiny_run
from tests.browser import CHROMIUM, SHOWN, Window, browser
from tests.tensorboard_server import Server, eventually, tensorboard_server

pytestmark = pytest.mark.slow

EVERYTHING = LoggingSettings(
    images=6, histograms=1, graph=True, predictions=6, confusion_matrix=True, pr_curves=True,
    embeddings=20, profile=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logdir = tmp_path_factory.mktemp("logs")
    for lr in (0.1, 0.01):
        folder = logdir / f"lr={lr}"
        folder.mkdir()
        board = open_board(folder, EVERYTHING, {"lr": lr}, str(lr), {"config": f"lr: {lr}"})
        tiny_run([*board.values()], IMAGES)
    return logdir


@pytest.fixture(scope="module", params=[False, True], ids=["slow loader", "fast loader"])
def server(request: pytest.FixtureRequest, logdir: Path) -> Iterator[Server]:
    with tensorboard_server(logdir, request.param) as server:
        eventually(lambda: len(server.get("data/plugin/pr_curves/tags")), 2)  # written last
        yield server


def body(server: Server, path: str, **query: str) -> bytes:
    with urllib.request.urlopen(f"{server.url}{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
        return bytes(answer.read())


def test_nothing_else_looks_like_a_run(server: Server) -> None:
    assert sorted(server.get("data/runs")) == ["lr=0.01", "lr=0.1"]


def test_graph(server: Server) -> None:
    assert server.get("data/plugin/graphs/info")["lr=0.1"]["run_graph"]
    graph = body(server, "data/plugin/graphs/graph", run="lr=0.1").decode()
    assert 'name: "features.Sequential/0.Conv2d/conv2d"' in graph


def test_images(server: Server) -> None:
    tags = server.get("data/plugin/images/tags")["lr=0.1"]
    assert set(tags) == {"train/samples", "val/predictions", "val/confusion_matrix"}
    points = server.get("data/plugin/images/images", run="lr=0.1", tag="val/predictions", sample="0")
    assert [point["step"] for point in points] == [5, 10, 15]
    picture = body(server, "data/plugin/images/individualImage?" + points[-1]["query"] + "#")
    assert picture.startswith(b"\x89PNG")


def test_histograms(server: Server) -> None:
    tags = server.get("data/plugin/histograms/tags")["lr=0.1"]
    assert {"weights/head.weight", "weights/head.weight.grad"} <= set(tags)
    points = server.get("data/plugin/histograms/histograms", run="lr=0.1", tag="weights/head.weight")
    assert [step for _, step, _ in points] == [5, 10, 15]
    assert sum(count for _, _, count in points[0][2]) == pytest.approx(3 * 256)


def test_pr_curves(server: Server) -> None:
    tags = server.get("data/plugin/pr_curves/tags")["lr=0.1"]
    assert set(tags) == {f"pr_curve/{name}" for name in IMAGES.class_names}
    curves = server.get("data/plugin/pr_curves/pr_curves", run="lr=0.1", tag="pr_curve/red")
    assert curves["lr=0.1"][0]["step"] == 15


def test_projector(server: Server) -> None:
    eventually(lambda: sorted(server.get("data/plugin/projector/runs")), ["lr=0.01", "lr=0.1"])
    info = server.get("data/plugin/projector/info", run="lr=0.1")["embeddings"][0]
    assert info["tensorShape"] == [20, 3]
    name = info["tensorName"]
    points = np.frombuffer(body(server, "data/plugin/projector/tensor", run="lr=0.1", name=name), np.float32)
    assert points.size == 60
    assert body(server, "data/plugin/projector/metadata", run="lr=0.1", name=name).count(b"\n") == 21
    assert body(server, "data/plugin/projector/sprite_image", run="lr=0.1", name=name)[:4] == b"\x89PNG"


@pytest.fixture(scope="module")
def window(logdir: Path) -> Iterator[Window]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}")
    with tensorboard_server(logdir, fast=True) as server, browser(server.url) as window:
        yield window


@pytest.mark.parametrize("panel", SHOWN)
def test_a_panel_draws_without_an_error(panel: str, window: Window, tmp_path: Path) -> None:
    window.errors.clear()
    window.open(panel)
    window.picture(tmp_path / f"{panel}.png")
    assert window.errors == []


def test_boxes_of_the_graph_open(window: Window, tmp_path: Path) -> None:
    page = window.open("graphs")
    inner = page.locator('[data-name="features.Sequential/0.Conv2d/weight"]')
    assert inner.count() == 0
    window.expand("features.Sequential", "features.Sequential/0.Conv2d")
    inner.first.wait_for()
    window.picture(tmp_path / "graph.png")
    assert window.errors == []
