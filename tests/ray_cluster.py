"""A Ray of this machine, with two GPUs that do not exist, for the tests of a file."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'sweepboard[ray]'"
)

_KEEPER = """
import os, sys, tempfile
from pathlib import Path
from sweepboard.descendants import adopt_orphans, end_descendants
from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.execution.ray.driver_process import connect
adopt_orphans()
with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
    connect(RayCluster(), Path(folder), num_gpus=2)
    import ray
    print(ray.get_runtime_context().gcs_address, os.environ["RAY_AUTH_TOKEN"], flush=True)
    sys.stdin.read()
    end_descendants()
os._exit(0)
"""


@dataclass(frozen=True)
class RunningRay:
    """A cluster, and the token of those who may connect."""

    address: str
    token: str

    def let_in(self, patch: pytest.MonkeyPatch) -> None:
        """Let this process connect."""
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", self.token)


@contextmanager
def running_ray() -> Iterator[RunningRay]:
    """Start a cluster, and end it after the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _KEEPER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as keeper:  # fmt: skip
        assert keeper.stdout is not None
        yield RunningRay(*keeper.stdout.readline().split())
        keeper.communicate()
