"""Batches of any shape are moved, measured and copied."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from sweepboard.data.tree import leaves, length_of, map_leaves, to_device
from sweepboard.errors import RunFailed

META = torch.device("meta")


class Named(NamedTuple):
    ids: Tensor
    text: str


@dataclass(frozen=True)
class Fields:
    ids: Tensor
    total: Any = field(init=False, default=None)


class Encoding(UserDict[str, Tensor]):
    """Like a tokenizer's: a mapping that moves itself."""

    def to(self, device: torch.device) -> Encoding:
        self.data = {name: value.to(device) for name, value in self.data.items()}
        return self


class Graphs:
    """Like a graph library's batch: its nodes do not tell how many graphs there are."""

    batch_size = 3

    def __init__(self) -> None:
        self.x = torch.zeros(7, 2)

    def to(self, device: torch.device) -> Graphs:
        self.x = self.x.to(device)
        return self


class Own(Graphs):
    batch_size = None  # type: ignore[assignment]


def tensor() -> Tensor:
    return torch.zeros(4, 2)


TREES = {
    "tensor": tensor,
    "pair": lambda: (tensor(), tensor()),
    "list": lambda: [tensor(), "text", 3, None],
    "named tuple": lambda: Named(tensor(), "text"),
    "dictionary": lambda: {"ids": tensor(), "more": {"mask": [tensor()]}},
    "user's dictionary": lambda: UserDict({"ids": tensor()}),
    "read-only mapping": lambda: MappingProxyType({"ids": tensor()}),
    "dataclass": lambda: Fields(tensor()),
    "encoding": lambda: Encoding({"ids": tensor()}),
}


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_everything_that_can_move_is_moved(make: Any) -> None:
    tree = make()
    moved = to_device(tree, META)
    assert all(leaf.device == META for leaf in leaves(moved) if isinstance(leaf, Tensor))
    assert [leaf for leaf in leaves(moved) if not isinstance(leaf, Tensor)] == [
        leaf for leaf in leaves(tree) if not isinstance(leaf, Tensor)
    ]
    assert type(moved) is type(tree) or isinstance(moved, dict)
    assert length_of(moved) == 4


def test_an_object_moves_itself_and_says_its_size() -> None:
    moved = to_device({"graphs": Graphs()}, META)
    assert moved["graphs"].x.device == META
    assert length_of(moved) == 3
    assert length_of([torch.tensor(1.0), Own()]) == 7


def test_the_original_is_left_alone() -> None:
    tree: dict[str, Any] = {"ids": torch.zeros(2), "pair": Fields(torch.zeros(2))}
    changed = map_leaves(lambda leaf: leaf + 1 if isinstance(leaf, Tensor) else leaf, tree)
    assert changed["pair"].ids.tolist() == [1, 1]
    assert changed["pair"].total is None
    assert tree["ids"].tolist() == [0, 0]


def test_a_batch_without_a_length_is_told() -> None:
    with pytest.raises(RunFailed, match=r"nothing in a batch \(dict\).*Step\(loss, samples"):
        length_of({"text": "a", "number": torch.tensor(1)})


@pytest.mark.parametrize("kind", [tuple, list])
def test_lists_of_samples_have_their_own_length(kind: type) -> None:
    images, boxes = [torch.ones(3, 8, 8)] * 5, [torch.ones(count, 4) for count in (1, 2, 3, 4, 5)]
    assert length_of(kind((images, [{"boxes": each} for each in boxes]))) == 5
    assert length_of(kind((kind(images), kind(boxes)))) == 5
    assert length_of(kind((images, [torch.tensor(1.0)] * 5))) == 5
    pairs = [torch.ones(7, 2), torch.ones(7)], [torch.ones(7), torch.ones(7)]
    assert length_of(kind(pairs)) == 7  # two samples of two parts each: torch's default_collate
    assert length_of([torch.ones(6, 2), [torch.ones(6), torch.ones(6)]]) == 6
