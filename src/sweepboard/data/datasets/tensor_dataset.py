"""Read torch's `TensorDataset` by whole batches: the same batches, without Python for each sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from sweepboard.data.datasets.pair_split import check_class, check_pair
from sweepboard.data.datasets.reading import name_of
from sweepboard.data.types import ColumnSplit, DataSpec, TensorSplit


def columns_of(dataset: Any) -> tuple[Tensor, ...] | None:
    """Return the tensors of a `TensorDataset`; None for any other, and for tensors of a special kind.

    A class made from it may change its samples, so it is another.
    """
    if type(dataset) is not TensorDataset or not all(map(_is_plain, dataset.tensors)):
        return None
    return tuple(tensor.detach() for tensor in dataset.tensors)


def columns_in_memory(dataset: Any) -> ColumnSplit | None:
    """Return the tensors as a split of samples of any kind; None for other data sets."""
    columns = columns_of(dataset)
    return None if columns is None else ColumnSplit(columns)


def pairs_in_memory(dataset: Any, spec: DataSpec) -> TensorSplit | None:
    """Return the tensors as a split of pairs, converted as each sample would be; None for other data sets.

    Raise `RunFailed` for a target that is none of the classes.
    """
    columns = columns_of(dataset)
    if columns is None or columns[0].dtype == torch.uint16:  # which may be scaled
        return None
    first = check_pair(f"sample 0 of {name_of(dataset)}", dataset[0], spec)
    inputs, targets = (_alike(column, one) for column, one in zip(columns, first, strict=True))
    if spec.classes is not None:
        wrong = ((targets < 0) | (targets >= spec.classes)).nonzero()
        for index in wrong[:1].flatten().tolist():
            check_class(f"sample {index} of {name_of(dataset)}", targets[index], spec.classes)
    return TensorSplit(inputs, targets)


def _alike(column: Tensor, sample: Tensor) -> Tensor:
    """Return every sample of the column in the type and the shape to which the first one was converted."""
    return column.to(sample.dtype).reshape(len(column), *sample.shape)


def _is_plain(tensor: Tensor) -> bool:
    strided = tensor.layout == torch.strided and not tensor.is_nested and not tensor.is_quantized
    return strided and type(tensor) is Tensor and tensor.device.type == "cpu"
