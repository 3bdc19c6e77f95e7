"""What people see on terminals of 40, 80, 120 and 200 columns: whole words, the most telling first."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from sweepboard.cli.help import EXAMPLES
from sweepboard.cli.run_display import bar_width, fitted
from sweepboard.cli.table import Column, fitting, table_lines
from sweepboard.cli.terminal import definitions
from tests.conftest import WriteRun

WIDTHS = (40, 80, 120, 200)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(*argv: str, columns: int, **variables: str) -> list[str]:
    """The lines that a command writes to a terminal, before the terminal would break them."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS", "NO_COLOR")}
    environment = plain | {"TERM": "xterm-256color"} | variables
    command = [sys.executable, "-m", "sweepboard", *argv]
    with subprocess.Popen(command, stdout=slave, stderr=slave, stdin=slave, env=environment) as process:
        os.close(slave)
        said = b""
        while piece := _read(master):
            said += piece
        assert process.wait() == 0, said
    os.close(master)
    return said.decode().replace("\r\n", "\n").splitlines()


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # the other end is closed
        return b""


COLUMNS = [
    Column("lr", ["0.1", "0.001"], worth=90),
    Column("batch_size", ["64", "128"], worth=90),
    Column("best val/accuracy", ["0.912 ± 0.01", "0.8"], worth=95),
    Column("at step", ["100", "50000"], worth=20),
    Column("status", ["finished", "interrupted"], worth=80),
    Column("run", ["2026-11-26/22-24-14-model=mlp,trainer.epochs=3"] * 2, worth=50),
    Column("reason", ["", "RuntimeError: the loss is no number, and there is more to say of it"], 70, True),
]


@pytest.mark.parametrize("columns", WIDTHS)
def test_tables_drop_columns_by_worth_and_break_no_word(columns: int) -> None:
    kept = fitting(COLUMNS, columns)
    lines = list(table_lines(kept, columns))
    assert max(map(len, lines)) <= columns
    assert "best val/accuracy" in lines[0]
    dropped = [each.worth for each in COLUMNS if each not in kept]
    assert min(each.worth for each in kept) >= max(dropped, default=0)
    words = {word for each in COLUMNS for cell in (each.header, *each.cells) for word in cell.split()}
    assert {word for line in lines for word in line.split()} <= words
    assert (kept == COLUMNS) == (columns == 200)


def test_a_pipe_gets_everything() -> None:
    assert fitting(COLUMNS, None) == COLUMNS
    assert COLUMNS[-1].cells[1] in "\n".join(table_lines(COLUMNS, None))


@pytest.mark.parametrize("columns", WIDTHS)
def test_in_the_progress_line_metrics_give_way_before_epoch_bar_and_time(columns: int) -> None:
    parts = ["1:02:03 left", "val/accuracy 0.9123", "train/loss 0.3456", "val/loss 0.4567", "12345 samples/s"]
    room = columns - len("epoch 12/50") - bar_width(columns) - 3
    line = fitted(parts, room)
    assert line.startswith("1:02:03 left")
    assert len(line) <= room
    assert all(part in parts for part in line.split("  "))
    assert ("val/accuracy" in line) == (columns > 40)


def test_a_metric_that_fits_is_shown_though_a_longer_one_before_it_does_not() -> None:
    assert fitted(["left", "much too long for this", "fits"], 12) == "left  fits"


@pytest.mark.parametrize("columns", WIDTHS)
def test_help_wraps_and_begins_with_examples(columns: int) -> None:
    lines = [ESCAPE.sub("", line) for line in on_a_terminal("--help", columns=columns)]
    longest = max(lines, key=len)
    assert len(longest) <= columns or " " not in longest.strip()
    assert lines.index("Examples") < lines.index("Verbs (each has --help)")
    assert lines.index("Examples") < 8
    said = " ".join(" ".join(lines).split())
    for command, text in EXAMPLES:
        assert command in said
        assert text in said


def test_definitions_go_below_a_long_word() -> None:
    assert definitions([("a", "one two"), ("a.long.word", "three")], 24) == [
        "  a         one two",
        "  a.long.word",
        "            three",
    ]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_comparison_on_a_terminal(columns: int, tmp_path: Path, write_run: WriteRun) -> None:
    for lr in (0.1, 0.01):
        write_run(tmp_path / f"optimizer.lr={lr}", {"optimizer.lr": lr, "dataset.batch_size": int(lr * 1000)})
    lines = on_a_terminal("compare", str(tmp_path), columns=columns)
    plain = [ESCAPE.sub("", line) for line in lines]
    assert max(map(len, plain)) <= columns
    assert plain[0].split("  ")[0] == "batch_size"
    assert "best val/accuracy" in plain[0]
    assert any("left out in" in line for line in plain)


@pytest.mark.parametrize("plain", [{"TERM": "dumb"}, {"CI": "true"}, {"NO_COLOR": "1"}])
def test_no_colours_where_none_are_wanted(plain: dict[str, str], tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "run")
    assert any("\x1b[32m" in line for line in on_a_terminal("ls", str(tmp_path), columns=120))
    assert not any("\x1b" in line for line in on_a_terminal("ls", str(tmp_path), columns=120, **plain))
