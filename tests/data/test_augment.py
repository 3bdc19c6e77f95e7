"""Batched crops and flips do what a slow loop over samples does, and depend on (seed, epoch, sample) only."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sweepboard.data.augment import Augment, Changes

CPU = torch.device("cpu")


def one_by_one(changes: Changes, images: Tensor, samples: Tensor) -> Tensor:
    """The reference: pad, cut and mirror each image by itself."""
    height, width = images.shape[2:]
    results = []
    for image, sample in zip(images, samples.tolist(), strict=True):
        canvas = torch.zeros(
            (len(image), height + 2 * changes.padding, width + 2 * changes.padding), dtype=image.dtype
        )
        canvas[:, changes.padding : changes.padding + height, changes.padding : changes.padding + width] = (
            image
        )
        top, left = int(changes.top[sample]), int(changes.left[sample])
        cut = canvas[:, top : top + height, left : left + width]
        results.append(torch.flip(cut, [2]) if changes.flipped[sample] else cut)
    return torch.stack(results)


@settings(deadline=None)  # the first example also warms torch up
@given(
    shape=st.tuples(st.integers(1, 9), st.sampled_from([1, 3]), st.integers(1, 7), st.integers(1, 7)),
    crop=st.booleans(),
    flip=st.booleans(),
    padding=st.integers(0, 4),
    pixels=st.sampled_from([torch.uint8, torch.float32]),
    seed=st.integers(0, 2**40),
)
def test_a_batch_is_changed_as_its_samples_would_be(
    shape: tuple[int, int, int, int], crop: bool, flip: bool, padding: int, pixels: torch.dtype, seed: int
) -> None:
    images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)).to(pixels)
    changes = Augment(20, seed, crop, flip, padding).of_epoch(3, CPU)
    samples = torch.randperm(20)[: len(images)]
    torch.testing.assert_close(changes(images, samples), one_by_one(changes, images, samples), rtol=0, atol=0)


def test_every_crop_and_both_flips_come_up_equally_often() -> None:
    changes = Augment(90_000, seed=1, crop=True, flip=True, padding=1).of_epoch(0, CPU)
    places = torch.bincount(changes.top * 3 + changes.left, minlength=9)
    assert places.tolist() == pytest.approx([10_000] * 9, rel=0.05)
    assert changes.flipped.sum().item() == pytest.approx(45_000, rel=0.02)


def test_epochs_and_seeds_differ_and_repeat() -> None:
    def tables(seed: int, epoch: int) -> list[int]:
        changes = Augment(50, seed, crop=True, flip=True).of_epoch(epoch, CPU)
        return torch.cat([changes.top, changes.left, changes.flipped]).tolist()

    assert tables(0, 0) == tables(0, 0)
    assert len({tuple(tables(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_without_crop_and_flip_nothing_changes() -> None:
    images = torch.rand(4, 3, 5, 5)
    changes = Augment(4, seed=0, padding=2).of_epoch(0, CPU)
    assert torch.equal(changes(images, torch.arange(4)), images)
