"""Read samples of users' map-style data sets, and name them in messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset, get_worker_info

from sweepboard.data.sample_memory import memory_limited
from sweepboard.errors import DamagedFile

_KEYS = "dataset.root=... or dataset.transform=..."
"""What decides how large a sample is."""


class UserSplit(Dataset[Any]):
    """A user's data set.

    Workers read from `untouched`, a copy from before any sample was read in this process: a data set that
    opens its file at the first sample, as it should, would otherwise share the file and its position with all
    workers.
    """

    def __init__(self, dataset: Any, untouched: Any) -> None:
        self._here, self._untouched = dataset, untouched
        self._told: tuple[Any, int | None] = (None, None)

    @property
    def dataset(self) -> Any:
        """The data set that this process reads from."""
        return self._here if get_worker_info() is None else self._untouched

    def __len__(self) -> int:
        return len(self.dataset)

    def begin_epoch(self, epoch: int, seed_generators: Callable[[], object]) -> None:
        """Tell a data set that has `set_epoch` in which epoch its samples are read from now on."""
        dataset = self.dataset  # in a worker another one than here
        if hasattr(dataset, "set_epoch") and not (dataset is self._told[0] and epoch == self._told[1]):
            seed_generators()
            dataset.set_epoch(epoch)
            self._told = dataset, epoch

    def place(self, index: int) -> str:
        """Return the file of a sample if the data set lists its files, as torchvision's do."""
        listed = getattr(self.dataset, "samples", None)
        if isinstance(listed, list) and index < len(listed) and isinstance(listed[index], tuple):
            return str(listed[index][0])
        return f"sample {index} of {name_of(self.dataset)}"

    def read(self, index: int) -> Any:
        """Return a sample as the data set gives it. Raise `DamagedFile` if its file cannot be read."""
        dataset = self.dataset
        try:
            with memory_limited(dataset, self.place(index), _KEYS):
                return dataset[index]
        except OSError as error:  # what PIL raises; for anything else the traceback is better
            raise DamagedFile(f"{self.place(index)} cannot be read ({error})") from error


def name_of(value: Any) -> str:
    """Return the name of the value's class, without the function that it may stand in."""
    return type(value).__qualname__.rpartition("<locals>.")[2]
