"""Text as packed token ids in one file, mapped into memory: language models read windows of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sweepboard.data.shared_memory import new_batch
from sweepboard.errors import ConfigError, NotHere

_DTYPES = ("uint8", "uint16", "uint32", "int32", "int64")
_LOOKED_INTO = 2**20
"""Bytes at either end of the file that enter the digest."""


class TokenFile(Dataset[tuple[Tensor, Tensor]]):
    """Windows of `block_size` tokens, and the same moved on by one: two int64 tensors.

    `path` is a file of nothing but token ids (`ids.astype("uint16").tofile(path)`), or a `.npy` file, which
    has its own dtype. Windows stand side by side and do not overlap; with `random=True` they begin anywhere,
    drawn anew in each epoch. Such a file needs another one, or the same without `random`, to validate on
    (`dataset.val`). The file is mapped into memory, so it may be larger than that.
    """

    def __init__(self, path: str, block_size: int, dtype: str = "uint16", random: bool = False) -> None:
        if dtype not in _DTYPES:
            raise ConfigError(f"dataset.dtype={dtype}: choose from {', '.join(_DTYPES)}")
        if block_size < 1:
            raise ConfigError(f"dataset.block_size must be at least 1, not {block_size}")
        self.path, self.block_size, self.dtype, self.random = (
            Path(path).expanduser(),
            block_size,
            dtype,
            random,
        )
        self._tokens = self._mapped()
        if len(self) == 0:
            raise ConfigError(
                f"dataset.block_size={block_size}: {self.path} has {len(self._tokens):,} tokens, and a "
                f"window needs {block_size + 1:,}"
            )

    def __len__(self) -> int:
        return (len(self._tokens) - 1) // self.block_size

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a window and the tokens that come next at each of its places."""
        start = self.start(index)
        window = torch.from_numpy(self._tokens[start : start + self.block_size + 1].astype(np.int64))
        return window[:-1], window[1:]

    def start(self, index: int, generator: torch.Generator | None = None) -> int:
        """Return where a window begins; at random it is drawn from `generator`, or torch's own."""
        if not self.random:
            return index * self.block_size
        return int(torch.randint(len(self._tokens) - self.block_size, (), generator=generator))

    def windows(self, starts: Sequence[int]) -> list[Tensor]:
        """Return a batch of the windows that begin at `starts`, and the same moved on by one."""
        batch = [new_batch((len(starts), self.block_size), torch.int64) for _ in range(2)]
        for moved, part in enumerate(batch):
            for row, start in zip(part.numpy(), starts, strict=True):
                row[:] = self._tokens[start + moved : start + moved + self.block_size]
        return batch

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the tokens: a spawned worker maps the file itself."""
        return {name: value for name, value in vars(self).items() if name != "_tokens"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._tokens = self._mapped()

    def digest(self) -> str:
        """Return a SHA-256 over the size of the file, its two ends and the windows."""
        size = self.path.stat().st_size
        digest = hashlib.sha256(f"{size} {self.block_size} {self.dtype} {self.random}".encode())
        with self.path.open("rb") as file:
            digest.update(file.read(_LOOKED_INTO))
            file.seek(max(0, size - _LOOKED_INTO))
            digest.update(file.read())
        return digest.hexdigest()

    def _mapped(self) -> np.ndarray[Any, Any]:
        """Return the tokens as a plain array over the mapped file, whose parts are quicker to take."""
        if not self.path.is_file():
            raise NotHere(f"dataset.path: there is no file {self.path}")
        if self.path.suffix == ".npy":
            return np.asarray(np.load(self.path, mmap_mode="r")).reshape(-1)
        size, width = self.path.stat().st_size, np.dtype(self.dtype).itemsize
        if size % width:
            raise ConfigError(f"dataset.dtype: {self.path} has {size:,} bytes, no multiple of a {self.dtype}")
        return np.asarray(np.memmap(self.path, self.dtype, mode="r")) if size else np.empty(0, self.dtype)
