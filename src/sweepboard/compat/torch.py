"""Private names of torch. Read from torch 2.14.1; they are the same in 2.10."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from traceback import walk_tb
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, LRScheduler, SequentialLR
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks
from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode
from torch.utils._pytree import tree_leaves as tree_leaves
from torch.utils._pytree import tree_map_only as tree_map_only
from torch.utils.data import DataLoader
from torch.utils.data._utils import MP_STATUS_CHECK_INTERVAL, worker
from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

# What is imported above under its own name, for others to use:
#   TorchDispatchMode           sees every operation before it is done; there is no public way
#   tree_leaves, tree_map_only  the tensors in nested containers; when they go, write them: ten lines


class WatchedLoader(DataLoader[Any]):
    """A DataLoader that checks every few seconds whether a worker has died.

    With a timeout, torch checks only when it expires. When these names go, use DataLoader: a dead worker is
    then noticed later.
    """

    def _get_iterator(self) -> _BaseDataLoaderIter:
        return _WatchedWorkers(self) if self.num_workers else super()._get_iterator()

    def check_worker_number_rationality(self) -> None:
        """Do nothing: torch would warn about the number of workers that the user set."""


class _WatchedWorkers(_MultiProcessingDataLoaderIter):
    def _get_data(self) -> Any:
        limit = self._timeout or float("inf")
        begun = time.monotonic()
        while (left := limit - (time.monotonic() - begun)) > 0:
            found, data = self._try_get_data(min(left, MP_STATUS_CHECK_INTERVAL))  # type: ignore[no-untyped-call]
            if found:
                return data
            if self._pin_memory and not self._pin_memory_thread.is_alive():
                raise RuntimeError("the thread that pins memory has ended")
        raise RuntimeError(f"DataLoader timed out after {limit} seconds")


def abandon_workers(error: BaseException) -> None:
    """Keep torch from shutting down the half-built DataLoader iterator that raised `error`.

    It lacks the attributes that the shutdown needs, so Python would print a second error without this.
    """
    for frame, _ in walk_tb(error.__traceback__):
        made = frame.f_locals.get("self")
        if isinstance(made, _BaseDataLoaderIter):
            made._shutdown = True  # type: ignore[attr-defined]


def end_workers(iterator: Any) -> None:
    """Kill the workers of a DataLoader's iterator at once.

    Torch alone would wait five seconds for each busy worker, and for ever if it ignores SIGTERM, or if it
    died while it held the lock of the event that tells it to end: nobody looks at that event any more. When
    these names go, kill the new ones of `multiprocessing.active_children()`.
    """
    for process in iterator._workers:
        process.kill()
    iterator._workers_done_event = threading.Event()
    iterator._shutdown_workers()


def empty_shared(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return an uninitialised tensor in shared memory, as torch's `default_collate` makes one.

    When the name goes, use `torch.empty(shape).share_memory_()`, which copies. Raise RuntimeError if there is
    not enough memory.
    """
    storage = torch.UntypedStorage._new_shared(prod(shape) * dtype.itemsize)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=dtype).set_(storage).resize_(tuple(shape))


@contextmanager
def watch_worker_info(info: Any) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether code in this block looked at `info`, what `get_worker_info` returns.

    When the global variable goes, let it say True: a stream is then trusted to divide itself.
    """
    watched = _Watched(info)
    if info is not None:
        worker._worker_info = watched  # type: ignore[assignment]
    try:
        yield lambda: watched.looked_at
    finally:
        if info is not None:
            worker._worker_info = info


class _Watched:
    """A worker's information that knows whether it was looked at."""

    def __init__(self, info: Any) -> None:
        self._info, self.looked_at = info, False

    def __getattr__(self, name: str) -> Any:
        self.looked_at = True
        return getattr(self._info, name)


def unsaved_buffers(module: nn.Module) -> Iterator[tuple[str, Tensor | None]]:
    """Yield the module's own buffers that its state dict leaves out.

    When the set of their names goes, yield those of `named_buffers` that are not in `state_dict`.
    """
    for name in module._non_persistent_buffers_set:
        yield name, module._buffers[name]


def changes_in_place(tensor: Tensor) -> int:
    """Return how often `tensor` was changed in place. When it goes, compare copies."""
    return tensor._version


def schema_of(operation: Any) -> Any:
    """Return the names and types of an operation's arguments and results, for a dispatch mode.

    Without it, new tensors are found only by comparing an operation's results with its arguments.
    """
    return operation._schema


def mark_as_stepped(optimizer: Optimizer) -> None:
    """Suppress the schedulers' warning that `optimizer` was never stepped. Delete it when that goes."""
    optimizer._opt_called = True  # type: ignore[attr-defined]


def counts_for_scheduler(step: Any, cls: type[Optimizer]) -> bool:
    """Return whether `step` is the wrapper of a learning-rate scheduler around the class's step.

    When the mark goes, return False: the slower `optimizer.step()` is then used.
    """
    return hasattr(step, "_wrapped_by_lr_sched") and getattr(step, "__wrapped__", None) is cls.step


def parts_of_scheduler(scheduler: LRScheduler, calls: int) -> Iterator[tuple[LRScheduler, int]]:
    """Yield `scheduler`, or the parts of a composed one, each with its steps where it steps `calls` times.

    torch keeps the parts of its composed schedulers in private attributes; without them, their lengths are
    not checked before a run.
    """
    parts = getattr(scheduler, "_schedulers", None)
    if isinstance(scheduler, SequentialLR) and parts:
        ends = [*getattr(scheduler, "_milestones", ()), calls]
        for part, start, end in zip(parts, [0, *ends], ends, strict=False):
            yield from parts_of_scheduler(part, min(end, calls) - start)
    elif isinstance(scheduler, ChainedScheduler) and parts:
        for part in parts:
            yield from parts_of_scheduler(part, calls)
    else:
        yield scheduler, calls


def has_step_hooks(optimizer: Optimizer) -> bool:
    """Return whether the optimizer has step hooks. When the tables go, return True: the slower way."""
    return bool(
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
    )


def avoid_compiler_import() -> None:
    """Avoid importing `torch._dynamo` when the next optimizer is created.

    `torch._disable_dynamo` keeps, in each method it wraps, the version registered with the compiler, and
    imports the compiler if there is none: this sets the plain method instead. In other versions of torch it
    does nothing, and the first optimizer takes a second longer.
    """
    for method in vars(Optimizer).values():
        plain = getattr(method, "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            setattr(plain, "__dynamo_disable", plain)
