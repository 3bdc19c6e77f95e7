"""The pictures of a terminal show what a terminal would."""

from __future__ import annotations

import pytest

from tests.terminal_picture import Screen, screen_of


def test_a_screen_obeys_what_rich_writes() -> None:
    screen = Screen()
    for text in ("one\r\ntwo\r\nthree", "\r\x1b[2K\x1b[1A\x1b[2K", "\x1b[1;32mlast", "\x1b[", "0m <"):
        screen.write(text)
    assert screen.text.rstrip() == "one\nlast <"
    assert '<span style="font-weight: bold;color: #a6e3a1">l</span>' in screen.page()
    assert screen.page().endswith(" &lt;</pre>")
    screen.write("\r\n" + "x" * 81)
    assert screen.text.splitlines()[2:4] == ["x" * 80, "x"]


@pytest.mark.slow
@pytest.mark.parametrize("words", ["", "-m optimizer.lr=0.1,0.01 sweep.name=lr"])
def test_the_last_lines_of_a_command_stay_on_the_screen(
    words: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("terminal"))
    shown = screen_of(f"sweepboard trainer=debug model=mlp dataset=gaussian threads=1 {words}".strip()).text
    assert shown.rstrip().splitlines()[-1].startswith("board: ")
