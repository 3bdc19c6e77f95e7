"""Text from a stranger's files as it is shown."""

from __future__ import annotations

import pytest

from sweepboard.formatting import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, größer, 損失, 👩\u200d💻", "plain, größer, 損失, 👩\u200d💻"),
        ("\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"),
        ("two\nlines\r\tand\u2028more\u2029", "two\\nlines\\r\\tand\\u2028more\\u2029"),
        ("\x9b31m and \x7f", "\\x9b31m and \\x7f"),
        ("gpj.\u202eexe \u2066x\u2069\ufeff", "gpj.\\u202eexe \\u2066x\\u2069\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("not utf-8: \udcff", "not utf-8: \\udcff"),
        (5, "5"),
    ],
)
def test_a_terminal_has_nothing_to_obey(text: object, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).encode()  # what cannot be encoded would end the command with a traceback


def test_line_breaks_stay_where_they_are_wanted() -> None:
    assert printable("Traceback:\n\tx\x1b[2J", keep="\n\t") == "Traceback:\n\tx\\x1b[2J"
