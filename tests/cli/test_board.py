"""`sweepboard board` serves, says where, and leaves nothing behind however it is stopped."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from sweepboard.cli.board import free_port, log_directory, main
from tests.command import TINY, Command, only_run


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_runs_until_it_is_stopped(command: Command, signum: signal.Signals) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    with subprocess.Popen(
        [sys.executable, "-m", "sweepboard", "board"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
        assert found is not None
        assert runs_of(found[0]) == [f"{run.parent.name}/{run.name}"]
        server.send_signal(signum)
        server.wait(20)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(found[0], timeout=5)


def runs_of(url: str) -> list[str]:
    """What TensorBoard lists, once it answers and has read the runs."""
    for _ in range(150):
        try:
            with urllib.request.urlopen(f"{url}data/runs", timeout=5) as answer:
                names = json.load(answer)
        except OSError:
            names = []
        if names:
            return [str(name) for name in names]
        time.sleep(0.2)
    raise AssertionError(f"{url} shows no run")


@pytest.fixture
def served(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, list[str]]]:
    """What `sweepboard board ...` prints, and the arguments that TensorBoard gets, without starting it."""
    Path("outputs").mkdir()

    def board(*words: str) -> tuple[str, list[str]]:
        said = StringIO()
        monkeypatch.setattr(os, "execv", lambda _, argv: calls.append(argv))
        calls: list[list[str]] = []
        with redirect_stdout(said):
            main(list(words))
        found = re.search(r"main\('outputs', (\[.*?\])\)", calls[0][-1])
        assert found is not None
        return said.getvalue(), ast.literal_eval(found[1])

    return board


LOGIN = "It has no login"


@pytest.mark.parametrize(
    ("words", "where", "warns"),
    [
        (["outputs", "--port", "7000"], "http://127.0.0.1:7000/", False),
        (["--port=7000", "outputs"], "http://127.0.0.1:7000/", False),
        (["outputs", "--host", "0.0.0.0", "--port", "7001"], f"http://{socket.gethostname()}:7001/", True),
        (["--host", "127.0.0.2", "outputs", "--port", "7002"], "http://127.0.0.2:7002/", False),
        (["--host", "::1", "--port", "7003"], "http://[::1]:7003/", False),
        (["outputs", "--port", "7004", "--", "--bind_all"], f"http://{socket.gethostname()}:7004/", True),
        (["--", "--host=localhost", "--port=7005"], "http://localhost:7005/", False),
        (["--port", "7006", "--", "--path_prefix", "/runs/"], "http://127.0.0.1:7006/runs/", False),
        (["--host", "::", "--port", "7007"], f"http://{socket.gethostname()}:7007/", True),
        (["--port=7008", "--", "--host=0.0.0.0"], f"http://{socket.gethostname()}:7008/", True),
        (
            ["--host", "127.0.0.1", "--port=7009", "--", "--host", "::"],
            f"http://{socket.gethostname()}:7009/",
            True,
        ),
    ],
)
def test_the_address_and_the_warning(
    served: Callable[..., tuple[str, list[str]]], words: list[str], where: str, warns: bool
) -> None:
    said, given = served(*words)
    assert f"TensorBoard of outputs: {where} " in said
    assert (LOGIN in said) is warns
    assert given[:4] == ["--logdir", "outputs", "--port", re.findall(r":(\d+)", where)[-1]]
    assert ("--bind_all" in given) is ("--bind_all" in words)


@pytest.mark.parametrize(
    ("rest", "samples"),
    [
        ([], "images=1000,scalars=5000"),
        (["--samples_per_plugin", "images=5"], "images=5,scalars=5000"),
        (["--samples_per_plugin=scalars=7"], "scalars=7,images=1000"),
    ],
)
def test_all_pictures_and_points_unless_told_otherwise(
    served: Callable[..., tuple[str, list[str]]], rest: list[str], samples: str
) -> None:
    _, given = served("--port", "7000", "--", *rest, "--reload_interval", "9")
    assert given[-4:] == ["--samples_per_plugin", samples, "--reload_interval", "9"]


@pytest.mark.parametrize("words", ["outputs --help", "--help outputs", "outputs --port 7000 -h"])
def test_its_own_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words.split())
    assert left.value.code == 0
    assert "sweepboard board [DIR]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--port", "-5"], "sweepboard: --port -5: a port is a number from 1 to 65535"),
        (["--port", "70000"], "sweepboard: --port 70000: a port is a number from 1 to 65535"),
        (["--", "--port=0"], "sweepboard: --port 0: a port is a number from 1 to 65535"),
        (["--host", "192.0.2.1"], "sweepboard: --host 192.0.2.1: Cannot assign requested address; give an "),
        (["--host", "no.such.name.invalid"], "sweepboard: --host no.such.name.invalid: "),
    ],
)
def test_where_nothing_can_listen_no_address_is_printed(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str], line: str
) -> None:
    monkeypatch.delattr(os, "execv")  # which would end these tests
    Path("outputs").mkdir()
    said = command("board", *words, code=2)
    assert said.line.startswith(line)
    assert not said.out


def test_a_port_that_was_asked_for_and_is_taken_is_one_line(command: Command) -> None:
    Path("outputs").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "another program listens there" in command("board", "--port", str(port), code=2).line


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", first=port) > port


def test_a_single_run_is_shown_from_its_parent(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    assert log_directory(run) == run.parent.resolve()
