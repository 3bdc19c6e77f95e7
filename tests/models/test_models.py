"""Models take their shapes from the data, and say so where they cannot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sweepboard.errors import ConfigError
from sweepboard.models.cnn import CNN
from sweepboard.models.linear import Linear
from sweepboard.models.mlp import MLP
from sweepboard.models.resnet import resnet18


@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(4, 13), st.integers(4, 13)),
    outputs=st.integers(1, 7),
    make=st.sampled_from([CNN, MLP, Linear, partial(MLP, hidden=(), batch_norm=True, dropout=0.1)]),
)
def test_any_image_gives_the_outputs_asked_for(
    shape: tuple[int, int, int], outputs: int, make: Callable[..., nn.Module]
) -> None:
    assert make(shape, outputs)(torch.zeros(3, *shape)).shape == (3, outputs)


def test_the_tutorial_network_has_the_tutorial_size() -> None:
    assert sum(p.numel() for p in CNN((1, 28, 28), 10).parameters()) == 421_642


def test_pooling_before_relu_changes_no_bit() -> None:
    torch.manual_seed(0)
    net = CNN((1, 28, 28), 10, dropout=0.0)
    conv1, pool, relu, conv2, *_ = net.features
    tutorial = nn.Sequential(conv1, relu, pool, conv2, relu, pool, net.classifier)
    inputs, targets = torch.randn(8, 1, 28, 28), torch.randint(10, (8,))

    def run(model: nn.Module) -> list[Tensor]:
        model.zero_grad()
        outputs = model(inputs)
        nn.functional.cross_entropy(outputs, targets).backward()  # type: ignore[no-untyped-call]
        return [outputs, *(p.grad for p in net.parameters() if p.grad is not None)]

    ours, theirs = run(net), run(tutorial)
    assert len(ours) == 9
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (
            CNN,
            (32,),
            "model=cnn needs images of shape (channels, height, width), but a sample of this data set has "
            "shape (32,): use model=mlp",
        ),
        (
            CNN,
            (1, 3, 28),
            "model=cnn needs images of at least 4x4 pixels, but this data set has 3x28: use model=mlp, or "
            "fewer model.channels",
        ),
        (
            resnet18,
            (32,),
            "model=resnet18 needs images of shape (channels, height, width), but a sample of this data set "
            "has shape (32,): use model=mlp",
        ),
    ],
)
def test_shapes_that_do_not_fit(make: Callable[..., nn.Module], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(shape, 10)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("shape", "small_stem", "kernel", "stem_output"),
    [
        ((3, 32, 32), None, 3, 32),
        ((1, 28, 28), None, 3, 28),
        ((3, 96, 96), None, 7, 24),
        ((2, 96, 96), None, 7, 24),
        ((3, 32, 32), False, 7, 8),
    ],
)
def test_resnet_is_fitted_to_the_images(
    shape: tuple[int, int, int], small_stem: bool | None, kernel: int, stem_output: int
) -> None:
    net: Any = resnet18(shape, 7, small_stem)
    assert net.conv1.kernel_size == (kernel, kernel)
    images = torch.zeros(2, *shape)
    assert net.maxpool(net.conv1(images)).shape[-1] == stem_output
    assert net(images).shape == (2, 7)
