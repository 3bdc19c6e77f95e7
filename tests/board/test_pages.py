"""Pages of the Text panel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from sweepboard.board.pages import MOST_LAYERS, data_page, environment_page, model_page
from sweepboard.data.types import Data
from tests.board.test_logger import tags
from tests.board.tiny import IMAGES, NUMBERS, Net, tiny_data
from tests.command import TINY, Command, only_run


def test_a_model_is_told_layer_by_layer() -> None:
    page = model_page(nn.Sequential(nn.Linear(3, 2), nn.ReLU()).requires_grad_(False))
    assert page.splitlines() == [
        "**Sequential**: 8 weights, 0 of them trained",
        "",
        "| layer | kind | weights | number |",
        "|:--|:--|:--|--:|",
        "| `0` | Linear | weight 2x3, bias 2 | 8 |",
    ]
    shared = nn.Linear(3, 3)
    assert model_page(nn.Sequential(shared, shared)).startswith(
        "**Sequential**: 12 weights, 12 of them trained"
    )


def test_models_of_any_kind_have_a_page() -> None:
    assert "| `frozen" not in (page := model_page(Net(IMAGES)))
    assert "| `.` | Net | frozen 1 | 1 |" in page
    assert "more from the first batch on" in model_page(nn.LazyLinear(2))
    assert model_page(nn.ReLU()).startswith("**ReLU**: 0 weights")
    deep = model_page(nn.Sequential(*(nn.Linear(1, 1) for _ in range(MOST_LAYERS + 2))))
    assert deep.endswith("... and 2 more layers")


def test_data_are_told_by_their_splits() -> None:
    page = data_page(tiny_data(IMAGES))
    assert "| train | 40 | 5 |\n| val | 24 | 3 |" in page
    assert "- a sample: 3x8x8\n- 3 classes:" in page
    assert "red, green, a/b" in page
    assert "- a target: 2" in data_page(tiny_data(NUMBERS))
    other: Data = replace(tiny_data(IMAGES), spec=None)
    assert "sample:" not in data_page(other)


def test_the_environment_is_told_line_by_line() -> None:
    page = environment_page({"python": {"version": "3.11"}, "sources": {"a.py": "f00"}, "code": None})
    assert page == "```\npython.version: 3.11\ncode: None\n```"


def test_a_run_has_them_all(command: Command) -> None:
    command(*TINY)
    assert {"command", "config", "data", "environment", "model"} <= set(tags(only_run(Path("outputs"))))
