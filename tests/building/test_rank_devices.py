"""The GPUs of ranks, on a machine without one: which one each takes, and what is refused."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from sweepboard.building.build import device_of
from sweepboard.compose.rank_settings import devices_of
from sweepboard.data.dealing import Dealing
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.training.distributed import loopback_only, refuse_shared_gpus
from tests.test_rank_environment import TORCHRUN


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A machine whose number of visible GPUs is `gpus["visible"]`; the current one is `gpus["current"]`."""
    found = {"visible": 4}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found["visible"])
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: found.update(current=index))
    return found


@pytest.mark.parametrize(("visible", "index"), [(4, 2), (1, 0)])
def test_each_rank_takes_its_own_gpu(gpus: dict[str, int], visible: int, index: int) -> None:
    gpus["visible"] = visible  # srun --gpus-per-task=1 shows each process its own alone
    assert device_of("cuda", Dealing(6, 8, local_rank=2)) == torch.device("cuda", index)
    assert gpus["current"] == index
    assert device_of("cpu", Dealing(6, 8, local_rank=2)) == torch.device("cpu")


def trainer(devices: Any, nodes: int = 1) -> dict[str, Any]:
    return {"devices": devices, "nodes": nodes}


def test_auto_is_all_gpus_and_more_are_refused(gpus: dict[str, int]) -> None:
    assert devices_of(trainer("auto"), "cuda") == 4
    assert devices_of(trainer("auto"), "cpu") == 1
    with pytest.raises(ConfigError, match=r"trainer\.devices=5: there are 4 GPUs here"):
        devices_of(trainer(5), "cuda")
    with pytest.raises(ConfigError, match="does not go with device=cuda:1"):
        devices_of(trainer(2), "cuda:1")


@pytest.mark.parametrize(("visible", "fits"), [(4, True), (1, True), (2, False), (3, False)])
def test_processes_that_torchrun_started_need_a_gpu_each(
    gpus: dict[str, int], monkeypatch: pytest.MonkeyPatch, visible: int, fits: bool
) -> None:
    gpus["visible"] = visible
    for name, value in TORCHRUN.items():
        monkeypatch.setitem(os.environ, name, value)
    if fits:
        assert devices_of(trainer("auto", nodes=2), "cuda") == 4
        return
    with pytest.raises(ConfigError, match=f"torchrun has started 4 processes, and there are {visible} GPUs"):
        devices_of(trainer(4, nodes=2), "cuda")


def test_one_gpu_for_two_ranks_is_refused() -> None:
    refuse_shared_gpus(["a", "b"])
    with pytest.raises(RunFailed, match=r"ranks 0 and 2 have the same GPU \(a\)"):
        refuse_shared_gpus(["a", "b", "a"])


def test_no_port_is_open_to_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NCCL_SOCKET_IFNAME", raising=False)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth7")
    with loopback_only():
        assert os.environ["NCCL_SOCKET_IFNAME"].startswith("lo")
        assert os.environ["GLOO_SOCKET_IFNAME"] == "eth7"
    assert "NCCL_SOCKET_IFNAME" not in os.environ
