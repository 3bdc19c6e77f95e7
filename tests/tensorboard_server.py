"""A real TensorBoard on a log directory, asked over HTTP as its pages ask."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from sweepboard.board.event_names import event_files
from sweepboard.board.scalar_reader import read_scalars

Answer = TypeVar("Answer")
PATIENCE = 60.0


class Server:
    """Answers of a running TensorBoard; `url` ends in a slash."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query: str) -> Any:
        """The JSON of a page such as `data/plugin/scalars/tags`."""
        with urllib.request.urlopen(
            f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=30
        ) as answer:
            return json.load(answer)

    def post(self, path: str, content: Any) -> Any:
        """The same for pages that are asked with JSON."""
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def scalars(self, run: str, tag: str) -> list[tuple[int, float]]:
        """Steps and values of a tag."""
        points = self.get("data/plugin/scalars/scalars", run=run, tag=tag)
        return [(step, value) for _, step, value in points]

    def steps(self, run: str, tag: str) -> list[int]:
        """Steps of a tag, in the order shown."""
        return [step for step, _ in self.scalars(run, tag)]

    def session_groups(self) -> list[dict[str, Any]]:
        """The rows of the HParams table."""
        experiment = self.post("data/plugin/hparams/experiment", {"experimentName": ""})
        columns = [{"metric": info["name"]} for info in experiment.get("metricInfos", [])]
        columns += [{"hparam": info["name"]} for info in experiment.get("hparamInfos", [])]
        known = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
        question = {"startIndex": 0, "sliceSize": 100, "allowedStatuses": known, "colParams": columns}
        groups: list[dict[str, Any]] = self.post("data/plugin/hparams/session_groups", question)[
            "sessionGroups"
        ]
        return groups


@contextmanager
def tensorboard_server(logdir: Path, fast: bool) -> Iterator[Server]:
    """Serves `logdir` on a free port of the loopback, all scalars loaded; `fast` takes the loader in Rust."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--host", "127.0.0.1"]
    command += ["--port", "0", "--reload_interval", "1", f"--load_fast={str(fast).lower()}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            server = Server(_address(process.stderr))
            expected = {run: _newest(logdir / run) for run in _runs(logdir)}
            eventually(lambda: {run: _shown(server, run, tags) for run, tags in expected.items()}, expected)
            yield server
        finally:
            process.terminate()
            process.communicate()


def eventually(ask: Callable[[], Answer], expected: Answer) -> None:
    """Ask until the answer is as expected; fails with the last answer where it never is."""
    deadline = time.monotonic() + PATIENCE
    while (answer := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer == expected


def _address(lines: IO[str]) -> str:
    said = []
    for line in lines:
        said.append(line)
        if found := re.search(r"http://\S+/", line):
            return found[0]
    raise RuntimeError("TensorBoard did not start:\n" + "".join(said))


def _runs(logdir: Path) -> list[str]:
    folders = (folder for folder in logdir.rglob("*") if folder.is_dir())
    return sorted(str(folder.relative_to(logdir)) for folder in folders if event_files(folder))


def _newest(folder: Path) -> dict[str, int]:
    return {tag: int(series.steps[-1]) for tag, series in read_scalars(folder).items()}


def _shown(server: Server, run: str, tags: dict[str, int]) -> dict[str, int]:
    known = server.get("data/plugin/scalars/tags").get(run, {})
    return {tag: server.scalars(run, tag)[-1][0] for tag in tags if tag in known}
