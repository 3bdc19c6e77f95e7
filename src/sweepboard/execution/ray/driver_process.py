"""Ray's driver: the process that is connected to a cluster and keeps the actors that run jobs there.

It is a process of its own because Ray ends its driver when the cluster is lost, takes over signals, and
leaves processes behind when a driver is killed. Its parent, the process with the executor, sends commands
over a `Channel`, first how to begin and then those of `execution.wire`, and `{"room": job}`.

It reports `{"nodes": …}` with their resources once it is connected, events as `execution.wire` writes them,
`{"room": …}`, `{"dropped": name}` for a waiting job that was stopped, and `{"broken": why}` where no job can
run. When the parent is gone, it ends every job.
Between the two stands a process that does nothing but end what the driver leaves behind, however it ends.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import time
import traceback
from pathlib import Path
from threading import Thread
from typing import Any

from sweepboard.descendants import adopt_orphans, end_descendants
from sweepboard.errors import reason
from sweepboard.execution.channel import Channel
from sweepboard.execution.executor import Payload
from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.hardware import cores, total_memory
from sweepboard.parent_death import die_with
from sweepboard.scratch import scratch_folder
from sweepboard.stop_signals import STOP_SIGNALS

OBJECT_STORE = 80_000_000
"""Bytes of a private cluster's object store, about the least that Ray accepts: we send no data."""

PATIENCE = 5.0
"""Seconds that a regular end may take."""


def serve(handle: int) -> None:
    """Serve the parent at the other end of socket `handle` until it is gone, in a process of its own.

    End every process that it leaves behind, and remove its files.
    """
    _outlive_signals()
    adopt_orphans()
    keeper, short = os.getpid(), Path("/tmp")  # the paths of Ray's sockets must stay below 108 bytes
    with scratch_folder("sweepboard-ray-", short if short.is_dir() else None) as folder:
        driver = os.fork()
        if driver == 0:
            die_with(keeper)
            _drive(handle, folder)
            os._exit(0)  # Ray would look for a cluster that is gone
        os.close(handle)
        os.waitpid(driver, 0)
        end_descendants()


def _outlive_signals() -> None:
    """Do nothing at signals: the parent decides what they mean. What Ray starts has its own handlers."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _drive(handle: int, folder: Path) -> None:
    os.set_inheritable(handle, False)
    parent = Channel(socket.socket(fileno=handle))
    Thread(target=_end_with, args=[parent], daemon=True).start()
    try:
        [begin, *commands] = _first(parent)
        cluster = RayCluster(**begin["cluster"])
        connect(cluster, folder)
        nodes = resources_of_nodes()
        parent.send({"nodes": nodes})
        _outlive_signals()  # Ray has set a handler
        from sweepboard.execution.ray.slots import RaySlots

        RaySlots(parent, cluster, begin, nodes).run(commands)
    except Exception as error:
        traceback.print_exc()
        parent.send({"broken": reason(error)})


def _end_with(parent: Channel) -> None:
    """End this process soon after its parent: Ray may be waiting for a cluster that does not answer."""
    end = select.poll()
    end.register(parent, select.POLLRDHUP)
    end.poll()
    time.sleep(PATIENCE)
    os._exit(1)


def _first(parent: Channel) -> list[Payload]:
    """Wait for the first messages."""
    messages: list[Payload] = []
    while not messages and not parent.ended:
        messages = parent.receive()
    return messages


def connect(cluster: RayCluster, folder: Path, **more: Any) -> None:
    """Connect this process to a cluster, or to a new one of its own, whose files are in `folder`.

    `more` are resources of the new one that Ray does not find by itself.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if cluster.address is not None:
        cluster.refuse_silent()
        _init(address=cluster.address)
        return
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    memory = total_memory()
    given = (
        {} if memory is None else {"_memory": memory}
    )  # Ray counts it; half of it may be used by others now
    place = {**given, "_temp_dir": str(folder), "_node_ip_address": "127.0.0.1"}
    _init(address="local", num_cpus=cores(), object_store_memory=OBJECT_STORE, **place, **more)


def resources_of_nodes() -> list[dict[str, float]]:
    """Return what each node of the cluster has, by Ray's names of resources."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _init(**settings: Any) -> None:
    import ray

    try:
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False, **settings)
    except ConnectionError as error:
        if settings["address"] == "auto":
            raise ConnectionError("no Ray runs on this machine, and RAY_ADDRESS names none") from error
        raise
