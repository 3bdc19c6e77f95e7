"""Let all ranks on a machine know at once of a signal to one, also while they wait for each other."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sweepboard.execution.channel import Channel
from sweepboard.stop_signals import STOP_SIGNALS
from sweepboard.training.signals import StopFlag


class SignalSocket:
    """A socket at which stop signals to this process arrive, also while its main thread is in C code.

    Python calls handlers only when that returns, which the sum of gradients does not before all ranks have
    theirs. In another thread than the main one nothing arrives.
    """

    def __init__(self) -> None:
        self._mine, self._theirs = socket.socketpair()
        for end in (self._mine, self._theirs):
            end.setblocking(False)
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Return the file descriptor, which `selectors` waits on."""
        return self._mine.fileno()

    def signals(self) -> list[int] | None:
        """Return the signals that have arrived; None once it was closed."""
        numbers = self._mine.recv(4096)
        return [number for number in numbers if number in STOP_SIGNALS] if numbers else None

    def end(self) -> None:
        """Let no more arrive."""
        if self._is_main:
            signal.set_wakeup_fd(self._before)
            self._is_main = False
        self._theirs.close()

    def close(self) -> None:
        """End, and close the socket, which nobody may read then."""
        self.end()
        self._mine.close()


@contextmanager
def relayed(channel: Channel, stop: StopFlag) -> Iterator[None]:
    """As another rank, tell rank 0 of signals during the block, and `stop` of those that rank 0 tells."""
    own = SignalSocket()
    thread = threading.Thread(target=_relay, args=(channel, own, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        own.end()
        thread.join()
        own.close()


def _relay(channel: Channel, own: SignalSocket, stop: StopFlag) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(own, selectors.EVENT_READ)
        selector.register(channel, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if own in ready:
                signals = own.signals()
                if signals is None:
                    return
                for signum in signals:
                    channel.send({"stop": signum})
            if channel in ready:
                for message in channel.receive():
                    stop.tell(message["stop"])
                if channel.ended:
                    selector.unregister(channel)


def _of_a_child() -> None:
    """Keep signals to a child, such as a DataLoader worker, from being taken for those to this process."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_of_a_child)
