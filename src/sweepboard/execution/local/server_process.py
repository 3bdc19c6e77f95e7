"""The job server: a process that imports the modules of all jobs once and forks a process for each job.

Its parent, the process with the executor, starts it and sends requests over a `Channel`:

    {"preload": ["module", "module:name", …]}                    import these, call those
    {"start": id, "function": "module:name", "arguments": {…}, "environment": {…}}    with the job's channel
    {"signal": id, "number": 15}                                 to the job's process
    {"kill": id}                                                 the job and every process it started

The server reports `{"started": id, "pid": …}` and `{"ended": id, "code": …, "peak": bytes}`.

No job outlives the parent. When the parent dies, even by `kill -9`, the channel closes; the server then kills
the process group of every job and exits. When the server itself is killed, the kernel kills the jobs.
CUDA is never used here, because it does not work in a fork of a process that has used it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sweepboard.execution.channel import Channel
from sweepboard.execution.executor import Payload
from sweepboard.parent_death import die_with, outlive_parent
from sweepboard.stop_signals import ignore_stop_signals


def serve(handle: int) -> None:
    """Serve the parent at the other end of socket `handle` until it is gone."""
    before = ignore_stop_signals()  # the parent decides what they mean, and stops the jobs
    _Server(Channel(socket.socket(fileno=handle)), before).run()
    os._exit(0)  # libraries would complain about objects that `gc.freeze` kept alive


class _Server:
    def __init__(self, parent: Channel, handlers: Mapping[int, Any]) -> None:
        self._parent, self._handlers = parent, handlers  # of signals, for the jobs
        self._jobs: dict[int, int] = {}  # process id -> id of the job
        self._deaths = socket.socketpair()
        for end in self._deaths:
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, so that the signal reaches the socket
        signal.set_wakeup_fd(self._deaths[1].fileno(), warn_on_full_buffer=False)

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._parent, selectors.EVENT_READ)
            selector.register(self._deaths[0], selectors.EVENT_READ)
            while not self._parent.ended:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._deaths[0] in ready:
                    self._deaths[0].recv(4096)
                    self._reap()
                if self._parent in ready:
                    self._answer(self._parent.receive())
        for pid in self._jobs:
            _kill_group(pid)

    def _answer(self, messages: list[Payload]) -> None:
        for message in messages:
            if "preload" in message:
                preload(message["preload"])
            elif "start" in message:
                self._start(message, self._parent.handles.popleft())
            else:
                self._signal(message)

    def _start(self, message: Payload, handle: int) -> None:
        server = os.getpid()
        outlive_parent()  # from now on: to end the jobs, and whatever they have started
        try:
            pid = os.fork()
        except OSError as error:  # out of memory or processes: only this job fails
            print(f"sweepboard: no process for a job: {error}", file=sys.stderr, flush=True)
            os.close(handle)
            self._parent.send({"ended": message["start"], "code": 1, "peak": 0})
            return
        if pid == 0:
            self._close()  # else the parent would not notice the end of the server while a job lives
            run_job(message, handle, server, self._handlers)
        os.close(handle)
        with contextlib.suppress(OSError):  # the job does so, too; the order does not matter
            os.setpgid(pid, pid)
        self._jobs[pid] = message["start"]
        self._parent.send({"started": message["start"], "pid": pid})

    def _signal(self, message: Payload) -> None:
        job = message.get("signal", message.get("kill"))
        for pid in (pid for pid, number in self._jobs.items() if number == job):
            if "kill" in message:
                _kill_group(pid)
            else:
                os.kill(pid, message["number"])  # not reaped, so the process id is still its own

    def _close(self) -> None:
        self._parent.close()
        for handle in self._parent.handles:
            os.close(handle)
        for end in self._deaths:
            end.close()

    def _reap(self) -> None:
        for pid in list(self._jobs):
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                _kill_group(pid)  # whatever processes the job left behind
                code = os.waitstatus_to_exitcode(status)
                self._parent.send(
                    {"ended": self._jobs.pop(pid), "code": code, "peak": _bytes(usage.ru_maxrss)}
                )


def preload(names: Sequence[str]) -> None:
    """Import modules and call functions for all jobs. Errors are ignored: the job will raise them again."""
    gc.disable()  # nothing of this is garbage
    for name in names:
        module, _, function = name.partition(":")
        with contextlib.suppress(Exception):
            found = import_module(module)
            if function:
                getattr(found, function)()
    gc.enable()
    gc.freeze()  # a collection in a job would copy the memory that it shares with the server


def run_job(message: Payload, handle: int, server: int, handlers: Mapping[int, Any]) -> None:
    """Run a job in the forked process; never return."""
    code = 1
    try:
        _detach_from_server(server, message["environment"], handlers)
        module, _, function = message["function"].partition(":")
        getattr(import_module(module), function)(message["arguments"], Channel(socket.socket(fileno=handle)))
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code & 0xFF)  # skip the server's own exit handlers


def _detach_from_server(server: int, environment: Mapping[str, str], handlers: Mapping[int, Any]) -> None:
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    die_with(server)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for signum, handler in handlers.items():
        signal.signal(signum, handler)
    os.environ.update(environment)
    _prefer_as_oom_victim()
    faulthandler.enable()


def _prefer_as_oom_victim() -> None:
    # When memory runs out, the kernel is to kill a job and not the sweep.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _bytes(maxrss: int) -> int:
    return maxrss if sys.platform == "darwin" else maxrss * 1024
