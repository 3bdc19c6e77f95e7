"""Ray's driver: the process that is connected to a cluster and keeps the actors that run jobs there.

It is a process of its own because Ray ends its driver when the cluster is lost, takes over signals, and
leaves processes behind when a driver is killed. Its parent, the process with the executor, sends commands
over a `Channel`, first how to begin and then those of `execution.wire`, and `{"room": cores}`.

It reports events as `execution.wire` writes them, `{"room": …}`, `{"dropped": name}` for a waiting job that
was stopped, and `{"broken": why}` where no job can run. When the parent is gone, it ends every job, and
every process of a private cluster.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweepboard.descendants import adopt_orphans, end_descendants
from sweepboard.execution.channel import Channel
from sweepboard.execution.executor import Payload
from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.hardware import cores
from sweepboard.scratch import scratch_folder
from sweepboard.stop_signals import STOP_SIGNALS

OBJECT_STORE = 80_000_000
"""Bytes of a private cluster's object store, about the least that Ray accepts: we send no data."""

_QUIET = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}


def serve(handle: int) -> None:
    """Serve the parent at the other end of socket `handle` until it is gone."""
    _outlive_signals()
    os.set_inheritable(handle, False)
    parent = Channel(socket.socket(fileno=handle))
    adopt_orphans()
    try:
        [begin, *commands] = _first(parent)
        cluster = RayCluster(**begin["cluster"])
        with connected(cluster):
            from sweepboard.execution.ray.slots import RaySlots

            RaySlots(parent, cluster, begin).run(commands)
    except Exception as error:
        traceback.print_exc()
        parent.send({"broken": str(error)})
    finally:
        end_descendants()
        os._exit(0)  # Ray would look for a cluster that is gone


def _first(parent: Channel) -> list[Payload]:
    """Wait for the first messages."""
    messages: list[Payload] = []
    while not messages and not parent.ended:
        messages = parent.receive()
    return messages


def _outlive_signals() -> None:
    """Do nothing at signals: the parent decides what they mean. What Ray starts has its own handlers."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


@contextmanager
def connected(cluster: RayCluster) -> Iterator[None]:
    """Connect Ray to the cluster, or to a new one, for the block."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    if cluster.address is not None:
        yield from _init(address=cluster.address)
        return
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    short = Path("/tmp")  # the paths of Ray's sockets must stay below 108 bytes
    with scratch_folder("sweepboard-ray-", short if short.is_dir() else None) as folder:
        try:
            yield from _init(
                address="local",
                num_cpus=cores(),
                object_store_memory=OBJECT_STORE,
                _temp_dir=str(folder),
                _node_ip_address="127.0.0.1",
            )
        finally:
            end_descendants()  # they write into the folder


def _init(**settings: Any) -> Iterator[None]:
    import ray

    ray.init(**settings, **_QUIET)
    _outlive_signals()  # Ray has set a handler
    try:
        yield
    finally:
        if settings["address"] != "local":
            with suppress(Exception):
                ray.shutdown()
