"""Exchange messages between two processes of this machine: JSON lines over a socket, with open files."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections import deque

from sweepboard.execution.executor import Payload

_CHUNK = 1 << 16
_MOST_HANDLES = 64


class Channel:
    """One end of a connection between two processes; a job sees it as a `JobChannel`.

    It closes when the process at the other end ends, so each process notices the other's death.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = b""
        self.ended = False
        """Whether the other end has closed."""

        self.handles: deque[int] = deque()
        """Open files that arrived with messages, in order; the caller closes those it takes."""

    @staticmethod
    def pair() -> tuple[Channel, socket.socket]:
        """Return a channel and the socket of its other end, for another process."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return Channel(mine), theirs

    def fileno(self) -> int:
        """Return the file descriptor, which `selectors` waits on."""
        return self._socket.fileno()

    def send(self, payload: Payload, handle: int | None = None) -> None:
        """Send one message, with an open file if given. Do nothing if the other end is closed."""
        line = json.dumps(payload).encode() + b"\n"
        try:
            sent = socket.send_fds(self._socket, [line], [handle]) if handle is not None else 0
            self._socket.sendall(line[sent:])
        except ConnectionError:
            self.ended = True

    def receive(self) -> list[Payload]:
        """Wait for messages. Return an empty list if the other end closed or a message is incomplete."""
        try:
            data, handles, _, _ = socket.recv_fds(self._socket, _CHUNK, _MOST_HANDLES)
        except ConnectionError:
            data, handles = b"", []
        self.handles.extend(handles)
        self.ended = self.ended or not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def poll(self) -> list[Payload]:
        """Return every message that has arrived, without waiting."""
        messages: list[Payload] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while not self.ended and selector.select(0):
                messages += self.receive()
        return messages

    def close(self) -> None:
        """Close this end; the other end's `ended` becomes true."""
        with contextlib.suppress(OSError):
            self._socket.close()
