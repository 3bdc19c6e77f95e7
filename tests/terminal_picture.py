"""What a command leaves on a terminal of 80 columns and 24 rows, as a picture.

By hand: `python -m tests.terminal_picture FILE.png 'sweepboard model=mlp' [TEXT]` runs the command in the
working directory; with a text the picture is taken as soon as it stands on the terminal.
"""

from __future__ import annotations

import codecs
import fcntl
import html
import os
import pty
import re
import signal
import struct
import sys
import sysconfig
import termios
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import CHROMIUM, QUIET

COLUMNS, ROWS = 80, 24
COLOURS = ["#45475a", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#cdd6f4"]
PAGE = """<style>body {{ margin: 0 }}
pre {{ margin: 0; padding: 14px 16px; width: 80ch; background: #1e1e2e;
  color: #cdd6f4; font: 14px/1.25 "DejaVu Sans Mono", monospace }}
</style><pre>{}</pre>"""
_PARTS = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([^\x1b])", re.DOTALL)
_CUT = re.compile(r"\x1b(\[[0-9;?]*)?\Z")


class Screen:
    """The characters that a terminal shows, each with its CSS."""

    def __init__(self) -> None:
        self.lines: list[list[tuple[str, str]]] = [[]]
        self.row = self.column = 0
        self.style: dict[str, str] = {}
        self._cut = ""  # the beginning of a control sequence

    def write(self, text: str) -> None:
        """Show text, and obey the control sequences that rich and sweepboard use."""
        text = self._cut + text
        cut = _CUT.search(text)
        self._cut = cut[0] if cut else ""
        for values, name, character in _PARTS.findall(text.removesuffix(self._cut)):
            if not character:
                self._obey(values, name)
            elif character == "\r":
                self.column = 0
            elif character == "\n":
                self.row += 1
            else:
                self._put(character)
        while len(self.lines) <= self.row:
            self.lines.append([])

    def _put(self, character: str) -> None:
        if self.column == COLUMNS:
            self.row, self.column = self.row + 1, 0
        while len(self.lines) <= self.row:
            self.lines.append([])
        line = self.lines[self.row]
        line += [(" ", "")] * (self.column + 1 - len(line))
        line[self.column] = character, ";".join(self.style.values())
        self.column += 1

    def _obey(self, values: str, name: str) -> None:
        numbers = [int(value or 0) for value in values.lstrip("?").split(";")]
        if name == "A":
            self.row -= min(self.row, numbers[0] or 1)
        elif name == "K" and self.row < len(self.lines):
            del self.lines[self.row][0 if numbers[0] == 2 else self.column :]
        elif name == "m":
            self._paint(numbers)

    def _paint(self, numbers: list[int]) -> None:
        if 38 in numbers:  # a colour of 256, or of all
            at = numbers.index(38)
            self.style["colour"] = f"color: {_any_colour(numbers[at + 1 :])}"
            numbers = numbers[:at]
        for number in numbers:
            if number == 0:
                self.style = {}
            elif number in (1, 2):
                self.style["weight"] = "font-weight: bold" if number == 1 else "opacity: 0.6"
            elif 30 <= number <= 37 or 90 <= number <= 97:
                self.style["colour"] = f"color: {COLOURS[number % 10]}"

    @property
    def text(self) -> str:
        """What is written, without colours."""
        return "\n".join("".join(character for character, _ in line) for line in self.lines)

    def page(self) -> str:
        """Return the last rows as HTML."""
        lines = self.lines
        while lines and not lines[-1]:
            lines = lines[:-1]
        return PAGE.format("\n".join("".join(_spans(line)) for line in lines[-ROWS:]))


def _any_colour(numbers: list[int]) -> str:
    if numbers[0] == 2:
        return "rgb({}, {}, {})".format(*numbers[1:4])
    number = numbers[1]
    if number < 16:
        return COLOURS[number % 8]
    if number >= 232:
        return f"rgb({', '.join([str(8 + 10 * (number - 232))] * 3)})"
    parts = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
    return f"rgb({', '.join(str(55 + 40 * part if part else 0) for part in parts)})"


def _spans(line: list[tuple[str, str]]) -> Iterator[str]:
    for character, style in line:
        shown = html.escape(character)
        yield f'<span style="{style}">{shown}</span>' if style else shown


def screen_of(command: str, until: str | None = None) -> Screen:
    """Return the terminal after a command, or as soon as it shows a text."""
    screen = Screen()
    screen.write(f"$ {command}\r\n")
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
        os.environ |= {"TERM": "xterm-256color", "PATH": path}
        os.environ.pop("CI", None)
        os.execvp("bash", ["bash", "-c", command])
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while content := _read(terminal):
        screen.write(decoder.decode(content))
        if until is not None and until in screen.text:
            os.kill(pid, signal.SIGKILL)
            break
    os.waitpid(pid, 0)
    return screen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the command has ended
        return b""


def take_picture(page: str, path: Path) -> None:
    """Write a PNG of a page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        shown = browser.new_page(device_scale_factor=1.5)
        shown.set_content(page)
        shown.locator("pre").screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    _, file, words, *texts = sys.argv
    take_picture(screen_of(words, *texts).page(), Path(file))
