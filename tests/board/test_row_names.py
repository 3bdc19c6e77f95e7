"""Names of rows of the HParams table: short, and sorted as TensorBoard sorts them."""

from __future__ import annotations

from typing import Any

import pytest

from sweepboard.board.row_names import LENGTH, row_name

GROUP = "0123456789abcdef"


@pytest.mark.parametrize(
    ("row", "asked", "name"),
    [
        ({"model": "cnn", "optimizer.lr": 0.1}, {"optimizer.lr"}, "lr=      0.1 01234567"),
        ({"model": "mlp", "optimizer.lr": 0.1}, {"model"}, "mlp 01234567"),
        ({"model": "cnn", "optimizer.lr": 0.1}, set(), "cnn 01234567"),
        ({"optimizer._target_": "torch.optim.RAdam"}, {"optimizer._target_"}, "_target_=RAdam 01234567"),
        ({"a.b": True, "c": "x.y"}, {"a.b", "c"}, "b=True x.y 01234567"),
        ({"model": "mlp", "optimizer.lr": 2.0}, {"model", "optimizer.lr"}, "lr=      2 mlp 01234567"),
        ({"model": "mlp", "trainer": "debug", "threads": 1}, {"trainer", "threads"}, "mlp 01234567"),
        (
            {"logging.images": 1, "trainer.epochs": 3},
            {"logging.images", "trainer.epochs"},
            "epochs=      3 01234567",
        ),
        ({"model.p": "u", "task.p": "v"}, {"model.p", "task.p"}, "model.p=u task.p=v 01234567"),
        ({}, {"optimizer.lr"}, "01234567"),
    ],
)
def test_what_was_asked_for(row: dict[str, Any], asked: set[str], name: str) -> None:
    assert row_name(row, asked, GROUP) == name


def test_what_was_swept_stands_first() -> None:
    row = {"model": "mlp", "model.dropout": 0.2, "optimizer.lr": 0.1}
    name = row_name(row, row.keys(), GROUP, swept={"optimizer.lr"})
    assert name == "lr=      0.1 dropout=      0.2 mlp 01234567"


def test_numbers_are_sorted_as_numbers() -> None:
    values = [1e-10, 1e-5, 0.001, 0.1, 1, 2.5, 32, 128, 1024, 1e6]
    names = [row_name({"k.n": value}, {"k.n"}, GROUP) for value in values]
    assert sorted({*names}) == names
    assert row_name({"k.n": 1}, {"k.n"}, GROUP) == row_name({"k.n": 1.0}, {"k.n"}, GROUP)


def test_a_name_is_not_longer_than_can_be_read() -> None:
    row = {f"model.k{n}": "v" * 20 for n in range(20)}
    assert len(row_name(row, set(row), GROUP)) <= LENGTH + 9
