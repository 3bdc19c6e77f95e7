"""What a spreadsheet makes of our tables."""

from __future__ import annotations

import csv
import io

import pytest

from sweepboard.spreadsheet import as_csv


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "\uff1d1",
        "\n=1",
    ],
)
def test_no_cell_and_no_heading_is_a_formula(text: str) -> None:
    for cell in (
        next(csv.reader(io.StringIO(as_csv([{text: 1}])))),
        list(csv.reader(io.StringIO(as_csv([{"a": text}]))))[1],
    ):
        assert cell[0][0] in "'\\"
        assert "\n" not in cell[0]


def test_numbers_and_words_are_as_they_are() -> None:
    rows: list[dict[str, object]] = [
        {"a": -0.5, "b": "-0.5", "c": "+1e-3"},
        {"b": "x=1", "d": None, "a": "adam|b"},
    ]
    assert as_csv(rows) == "a,b,c,d\n-0.5,-0.5,+1e-3,\nadam|b,x=1,,\n"
