"""The data sets that come with sweepboard, and the types to write others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.data.datasets.fashion_mnist import FashionMini as FashionMini
    from sweepboard.data.datasets.fashion_mnist import FashionMNIST as FashionMNIST
    from sweepboard.data.datasets.image_folder import ImageFolder as ImageFolder
    from sweepboard.data.datasets.mnist_cifar import CIFAR10 as CIFAR10
    from sweepboard.data.datasets.mnist_cifar import MNIST as MNIST
    from sweepboard.data.datasets.synthetic import Gaussian as Gaussian
    from sweepboard.data.datasets.synthetic import Line as Line
    from sweepboard.data.datasets.token_file import TokenFile as TokenFile
    from sweepboard.data.types import DataSpec as DataSpec
    from sweepboard.data.types import Samples as Samples
    from sweepboard.data.types import Source as Source
    from sweepboard.data.types import Splits as Splits
    from sweepboard.data.types import TensorSplit as TensorSplit

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "CIFAR10": "sweepboard.data.datasets.mnist_cifar",
        "FashionMNIST": "sweepboard.data.datasets.fashion_mnist",
        "FashionMini": "sweepboard.data.datasets.fashion_mnist",
        "Gaussian": "sweepboard.data.datasets.synthetic",
        "ImageFolder": "sweepboard.data.datasets.image_folder",
        "Line": "sweepboard.data.datasets.synthetic",
        "MNIST": "sweepboard.data.datasets.mnist_cifar",
        "TokenFile": "sweepboard.data.datasets.token_file",
        "DataSpec": "sweepboard.data.types",
        "Samples": "sweepboard.data.types",
        "Source": "sweepboard.data.types",
        "Splits": "sweepboard.data.types",
        "TensorSplit": "sweepboard.data.types",
    },
)
