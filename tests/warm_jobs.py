"""Job servers that need not import torch first: each is a fork of one process that has done so.

A sweep and a run of several ranks start a server of jobs, a new Python that imports for two seconds, and
hundreds of tests start one. In them it is a fork of a process of the whole session, with the imports of a new
server and nothing else; from there on it is the real one. Tests of the server (`tests/execution`) and of
whole processes start new ones.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sweepboard.execution.channel import Channel
from sweepboard.execution.local.server_process import preload, serve
from sweepboard.import_path import python
from sweepboard.parent_death import die_with
from sweepboard.runs.rank_server import PRELOAD as OF_RANKS
from sweepboard.stop_signals import STOP_SIGNALS, waiting_in_children

HANDLES = 4
"""What a server is given: the folder it works in, its standard output and error, and its channel."""


class WarmServers:
    """The process of a session that is forked for every job server; it starts with the first of them."""

    def __init__(self) -> None:
        self._end, self._theirs = socket.socketpair()
        self._answers = Channel(self._end)
        self._process: subprocess.Popen[bytes] | None = None

    def _start(self) -> None:
        theirs = self._theirs
        statements = (
            f"from tests.warm_jobs import fork_servers; fork_servers({theirs.fileno()}, {os.getpid()})"
        )
        with theirs, waiting_in_children():
            self._process = subprocess.Popen(
                python(statements),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def new_process(self, handle: int, detached: bool) -> ForkedServer:
        """Stand in for `job_server.new_process`."""
        del detached  # neither is a child of this process
        if self._process is None:
            self._start()
        folder = os.open(".", os.O_RDONLY)
        request = {"path": sys.path, "environment": dict(os.environ), "imports": slow_imports()}
        try:
            line = json.dumps(request).encode() + b"\n"
            sent = socket.send_fds(self._end, [line], [folder, 1, 2, handle])
            self._end.sendall(line[sent:])
        finally:
            os.close(folder)
        return ForkedServer(self, self.answer()["pid"])

    def wait_for(self, pid: int) -> None:
        """Return after the end of a server."""
        self._end.sendall(json.dumps({"wait": pid}).encode() + b"\n")
        self.answer()

    def answer(self) -> Mapping[str, Any]:
        """Return the answer to the last request."""
        while not (answers := self._answers.receive()):
            assert not self._answers.ended, "the process that forks job servers has ended"
        [answer] = answers
        return answer

    def close(self) -> None:
        self._answers.close()
        self._theirs.close()
        if self._process is not None:
            self._process.wait()


class ForkedServer:
    """What `JobServer` needs of its process."""

    def __init__(self, warm: WarmServers, pid: int) -> None:
        self._warm, self.pid = warm, pid

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        self._warm.wait_for(self.pid)


@contextmanager
def warm_servers() -> Iterator[WarmServers]:
    """The process for a block."""
    warm = WarmServers()
    try:
        yield warm
    finally:
        warm.close()


def slow_imports() -> list[str]:
    """What this process asks each new server to import, since tests before have imported it."""
    from sweepboard.sweeps.local_jobs import needed  # imports torch

    return needed()


def fork_servers(handle: int, parent: int) -> None:
    """Fork a server for every request that comes, until `parent` ends or closes the socket `handle`."""
    die_with(parent)
    channel = Channel(socket.socket(fileno=handle))
    preload(OF_RANKS)
    while not channel.ended:
        for message in channel.receive():
            if "wait" in message:
                os.waitpid(message["wait"], 0)
                channel.send({})
            else:
                preload(message["imports"])
                channel.send({"pid": _fork(channel, message)})


def _fork(channel: Channel, message: Mapping[str, Any]) -> int:
    handles = [channel.handles.popleft() for _ in range(HANDLES)]
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        channel.close()
        _become_server(message, handles, me)
    for handle in handles:
        os.close(handle)
    return pid


def _become_server(message: Mapping[str, Any], handles: Sequence[int], parent: int) -> None:
    """Do what a new Python would find done, and serve."""
    folder, out, err, server = handles
    os.setsid()
    die_with(parent)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # until the server ignores them
    os.fchdir(folder)
    for handle, number in ((out, 1), (err, 2)):
        os.dup2(handle, number)
    for handle in (folder, out, err):
        os.close(handle)
    os.environ.clear()
    os.environ.update(message["environment"])
    sys.path[:] = message["path"]
    serve(server)
