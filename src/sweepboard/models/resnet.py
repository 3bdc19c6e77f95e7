"""torchvision's ResNet-18, adapted to the data's channels, size and classes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from sweepboard.models.shapes import require_images
from sweepboard.vision import import_torchvision

SMALL_IMAGE = 64
"""Images up to this many pixels a side get the small stem by default."""


def resnet18(input_shape: Sequence[int], outputs: int, small_stem: bool | None = None) -> nn.Module:
    """Return a ResNet-18 (He et al. 2016, arXiv:1512.03385) without pretrained weights.

    `input_shape` is (channels, height, width), `outputs` the number of outputs per sample. `small_stem`
    replaces the 7x7 stride-2 convolution and the max-pool, which discard most of a small image, by one 3x3
    convolution, as the paper does for CIFAR-10; None decides by the image's size.

    Raise ConfigError if samples are not images, UserError if torchvision cannot be imported.
    """
    channels, height, width = require_images("resnet18", input_shape)
    net: nn.Module = import_torchvision("models").resnet18(num_classes=outputs)
    if small_stem is None:
        small_stem = min(height, width) <= SMALL_IMAGE
    if small_stem:
        net.conv1 = _stem(channels, kernel_size=3, stride=1)
        net.maxpool = nn.Identity()
    elif channels != 3:
        net.conv1 = _stem(channels, kernel_size=7, stride=2)
    return net


def _stem(channels: int, kernel_size: int, stride: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, 64, kernel_size, stride, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    return conv
