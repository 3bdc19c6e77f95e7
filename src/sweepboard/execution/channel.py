"""Messages between the processes of a sweep: JSON lines over a socket, and open files beside them."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections import deque
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

_CHUNK = 1 << 16
_MOST_HANDLES = 64


class Channel:
    """One end of a connection between two processes of this machine.

    It ends when the process at the other end has ended, in whatever way: by this the processes of a sweep
    learn of each other's death.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = b""
        self.ended = False
        """Whether the other end is gone."""

        self.handles: deque[int] = deque()
        """Files that came with messages, in their order; whoever takes one closes it."""

    @staticmethod
    def pair() -> tuple[Channel, socket.socket]:
        """A channel, and the socket of its other end to be given away."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return Channel(mine), theirs

    def fileno(self) -> int:
        """For `selectors`, which tells when there is something to receive."""
        return self._socket.fileno()

    def send(self, message: Message, handle: int | None = None) -> None:
        """Send one message, with an open file if given. Where the other end is gone, nobody hears it."""
        line = json.dumps(message).encode() + b"\n"
        try:
            sent = socket.send_fds(self._socket, [line], [handle]) if handle is not None else 0
            self._socket.sendall(line[sent:])
        except ConnectionError:
            self.ended = True

    def receive(self) -> list[Message]:
        """Wait for messages. None have come where the other end is gone, or only part of one is here."""
        try:
            data, handles, _, _ = socket.recv_fds(self._socket, _CHUNK, _MOST_HANDLES)
        except ConnectionError:
            data, handles = b"", []
        self.handles.extend(handles)
        self.ended = self.ended or not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def poll(self) -> list[Message]:
        """Every message that has come so far, without waiting."""
        messages: list[Message] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while not self.ended and selector.select(0):
                messages += self.receive()
        return messages

    def close(self) -> None:
        """Close this end; the other end sees it."""
        with contextlib.suppress(OSError):
            self._socket.close()
