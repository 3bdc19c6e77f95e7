"""`sweepboard board` serves, says where, and leaves nothing behind however it is stopped."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from sweepboard.cli.board import free_port, log_directory
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


def test_a_taken_port_is_passed_over() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", first=port) > port


def test_a_single_run_is_shown_from_its_parent(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    assert log_directory(run) == run.parent.resolve()
