"""Make the Ray executor for a sweep from the settings of `hydra/launcher=ray`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from sweepboard.compose.read_settings import read_settings
from sweepboard.errors import ConfigError, reason
from sweepboard.execution.ray import RayCluster, RayExecutor
from sweepboard.settings import LAUNCHER, RaySettings, SweepSettings
from sweepboard.sweeps.local_jobs import needed

_OPTION = "hydra/launcher=ray"

_UNITS = {"": 20, "K": 10, "M": 20, "G": 30, "T": 40}
"""Powers of two, by the letter after a number of bytes."""


def ray_executor(values: Mapping[str, Any], sweep: SweepSettings) -> RayExecutor:
    """Return an executor for jobs on Ray. Raise `ConfigError`."""
    settings = read_settings(RaySettings, values, LAUNCHER)
    if find_spec("ray") is None:
        raise ConfigError(
            f"{_OPTION}: Ray is not installed here; pip install 'sweepboard[ray]', "
            "or add hydra/launcher=local"
        )
    _refuse_settings_of_local(sweep)
    cluster = RayCluster(
        settings.address,
        settings.cpus,
        settings.gpus,
        _bytes(settings.memory),
        dict(settings.resources or {}),
        settings.at_once,
    )
    _check(cluster)
    return RayExecutor(cluster, needed())


def _refuse_settings_of_local(sweep: SweepSettings) -> None:
    if sweep.jobs != "auto":
        raise ConfigError(f"sweep.jobs={sweep.jobs}: on Ray it is {LAUNCHER}.at_once={sweep.jobs}")
    if sweep.jobs_per_gpu != 1:
        share = f"{1 / sweep.jobs_per_gpu:.3g}"
        raise ConfigError(f"sweep.jobs_per_gpu={sweep.jobs_per_gpu}: on Ray it is {LAUNCHER}.gpus={share}")


def _bytes(memory: int | str | None) -> int | None:
    if memory is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", str(memory))
    if found is None:
        raise ConfigError(f"{LAUNCHER}.memory={memory}: write 16G, 500M, or a number of MiB")
    return int(float(found[1]) * 2 ** _UNITS[found[2]])


def _check(cluster: RayCluster) -> None:
    """Raise `ConfigError` for what Ray refuses."""
    for name, amount in (("cpus", cluster.cpus), ("gpus", cluster.gpus)):
        if amount and amount > 1 and amount != math.floor(amount):
            raise ConfigError(f"{LAUNCHER}.{name}={amount:g}: above 1, Ray takes whole numbers only")
    if cluster.address is not None:
        if cluster.address != "auto" and not re.fullmatch(r"[^\s:/]+:\d+", cluster.address):
            raise ConfigError(f"{LAUNCHER}.address={cluster.address}: write host:port, or auto")
        _refuse_silent(cluster)


def _refuse_silent(cluster: RayCluster) -> None:
    try:
        cluster.refuse_silent()
    except OSError as error:
        raise ConfigError(
            f"{LAUNCHER}.address={cluster.address}: no Ray answers there ({reason(error)}); "
            f"{LAUNCHER}.address=null starts one on this machine"
        ) from error
