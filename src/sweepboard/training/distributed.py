"""The processes that train one run together: its ranks, and what they tell each other.

`Ranks` is one process alone, for which nothing happens. `Group` is a process group of torch.distributed. All
collectives are called by every rank in the same order, which the loop sees to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sweepboard.data.dealing import Dealing
from sweepboard.errors import RunFailed
from sweepboard.training.checkpoint_file import packed, unpacked

SETUP_SECONDS = 1800.0
"""How long ranks wait for each other until all are built: one may read or download the data first.

Sums on GPUs may take as long: one is asked for before the updates ahead of it are computed, and NCCL ends the
process of a rank that waits too long. Before each sum of gradients the ranks exchange a message on the CPU,
which finds a silent one after `trainer.timeout`.
"""


class RankLost(RunFailed):
    """Another rank has ended, or does not answer; whoever started it knows why."""


class Ranks:
    """One process, which is all ranks of its run."""

    dealing = Dealing()

    @property
    def together(self) -> bool:
        """Whether there are others."""
        return self.dealing.size > 1

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which alone keeps the record, the board and the checkpoints."""
        return self.dealing.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, in their order: tensors, numbers, strings, and containers."""
        return [value]

    def from_first(self, value: Any) -> Any:
        """Return the value of rank 0; what the others give is left."""
        return value

    def earliest(self, step: int | None) -> int | None:
        """Return the smallest of the steps that any rank gives."""
        return step

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """Return the largest number of any rank at each place."""
        return list(numbers)


ALONE = Ranks()


class Group(Ranks):
    """A rank of several; `Group.of` makes it."""

    def __init__(self, dealing: Dealing, device: torch.device, groups: tuple[Any, Any], store: Any) -> None:
        self.dealing, self.device = dealing, device
        self._numbers, self.tensors = groups  # for tensors on the CPU and on the device of the run
        self._store = store
        self.on_leave: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, dealing: Dealing, device: torch.device, timeout: float, store: Any) -> Group:
        """Return the group of the process group that was initialised, once all ranks have come here.

        From here on a rank waits `timeout` seconds for the others. Raise `RunFailed` if two have one GPU.
        """
        import torch.distributed as dist

        with lost_as_error():
            dist.all_reduce(torch.zeros(1))  # waits as long as the building of a rank may take
            numbers = dist.new_group(timeout=timedelta(seconds=timeout), backend="gloo")
        # All tensors of GPUs take the way of torch's own layers, such as SyncBatchNorm.
        group = cls(dealing, device, (numbers, dist.group.WORLD if device.type == "cuda" else numbers), store)
        if device.type == "cuda":
            refuse_shared_gpus(group.gather(gpu_of(device)))
        return group

    def leave(self) -> None:
        """Say that this rank needs no message from the others any more, so that they may end."""
        self.on_leave()

    def all_give_up(self, seconds: float) -> bool:
        """Return whether all ranks call this, those that do within so many seconds of each other.

        It takes another way than the messages of an update, in which a rank may be.
        """
        keys = [f"sweepboard/gives up/{rank}" for rank in range(self.dealing.size)]
        try:
            self._store.set(keys[self.dealing.rank], "")
            self._store.wait(keys, timedelta(seconds=seconds))
        except RuntimeError:
            return False
        return True

    def sum(self, tensor: Tensor) -> None:
        """Add up a tensor over the ranks, in place, to the same bits in all of them."""
        with lost_as_error():
            torch.distributed.all_reduce(tensor, group=self.tensors)

    def take_first(self, tensor: Tensor) -> None:
        """Replace the values of a tensor by those of rank 0."""
        with lost_as_error():
            torch.distributed.broadcast(tensor, 0, group=self.tensors)

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """Implement `Ranks.largest`."""
        tensor = torch.tensor(numbers, dtype=torch.int64)
        with lost_as_error():
            torch.distributed.all_reduce(tensor, torch.distributed.ReduceOp.MAX, group=self._numbers)
        found: list[int] = tensor.tolist()
        return found

    def earliest(self, step: int | None) -> int | None:
        """Implement `Ranks.earliest`."""
        [found] = self.largest([-(2**62) if step is None else -step])
        return None if found == -(2**62) else -found

    def gather(self, value: Any) -> list[Any]:
        """Implement `Ranks.gather`. Nothing is unpickled: values travel as checkpoints do."""
        own = torch.frombuffer(bytearray(packed({"value": value})), dtype=torch.uint8)
        longest = self.largest([len(own)])[0]
        sent = torch.cat([torch.tensor([len(own)]).view(torch.uint8), own, own.new_zeros(longest - len(own))])
        found = [torch.empty_like(sent) for _ in range(self.dealing.size)]
        with lost_as_error():
            torch.distributed.all_gather(found, sent, group=self._numbers)
        return [_value_in(each) for each in found]

    def from_first(self, value: Any) -> Any:
        """Implement `Ranks.from_first`."""
        content = packed({"value": value}) if self.is_first else b""
        sent = torch.empty(self.largest([len(content)])[0], dtype=torch.uint8)
        if self.is_first:
            sent.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        with lost_as_error():
            torch.distributed.broadcast(sent, 0, group=self._numbers)
        return unpacked(sent.numpy().tobytes(), Path("what rank 0 sent"))["value"]


def gpu_of(device: torch.device) -> str:
    """Return the name of a GPU that no other one has, on any machine."""
    return str(torch.cuda.get_device_properties(device).uuid)


def refuse_shared_gpus(names: Sequence[str]) -> None:
    """Raise `RunFailed` if two ranks have the same GPU, over which NCCL would stumble."""
    for rank, name in enumerate(names):
        if (other := names.index(name)) < rank:
            raise RunFailed(
                f"trainer.devices: ranks {other} and {rank} have the same GPU ({name}): start one process "
                "for each GPU"
            )


def same_weights(ranks: Group, model: nn.Module) -> None:
    """Give the model of every rank the weights and buffers of rank 0: its class may draw from anywhere."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            dense = tensor.detach().contiguous()
            ranks.take_first(dense)
            tensor.copy_(dense)


def _value_in(content: Tensor) -> Any:
    size = int(content[:8].view(torch.int64))
    return unpacked(content[8 : 8 + size].numpy().tobytes(), Path("what another rank sent"))["value"]


def _is_of_messages(error: RuntimeError) -> bool:
    return isinstance(error, torch.distributed.DistError) or "gloo/" in str(error) or "NCCL" in str(error)


@contextmanager
def lost_as_error(only_messages: bool = False) -> Iterator[None]:
    """Raise `RankLost` for what torch.distributed raises when a rank has ended or is silent.

    `only_messages` says that the block computes as well, whose errors are others.
    """
    try:
        yield
    except RuntimeError as error:
        if only_messages and not _is_of_messages(error):
            raise
        raise RankLost(f"the connection to the other ranks was lost: {str(error).splitlines()[0]}") from error


def store_at(url: str, rank: int, size: int, patience: float = SETUP_SECONDS) -> Any:
    """Return the store of torch.distributed at a URL; the one of rank 0 may be what others connect to."""
    from torch.distributed.rendezvous import rendezvous

    with lost_as_error():
        store, _, _ = next(rendezvous(url, rank, size, timeout=timedelta(seconds=patience)))
    return store


@contextmanager
def process_group(dealing: Dealing, device: torch.device, store: Any, local: bool) -> Iterator[None]:
    """Be in the process group of the ranks that meet at `store` during the block.

    On one machine (`local`) no port is open to others. A rank that left without destroying its group would
    be aborted.
    """
    import torch.distributed as dist

    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with loopback_only() if local else nullcontext():
        with lost_as_error():
            dist.init_process_group(
                backend, store=store, rank=dealing.rank, world_size=dealing.size,
                timeout=timedelta(seconds=SETUP_SECONDS),
            )  # fmt: skip
        try:
            yield
        finally:
            dist.destroy_process_group()


@contextmanager
def loopback_only() -> Iterator[None]:
    """Let gloo and NCCL listen on the loopback interface alone during the block, if no other was chosen.

    NCCL begins to listen at its first message.
    """
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    new = [name for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME") if name not in os.environ]
    os.environ.update(dict.fromkeys(new, loopback))
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)
