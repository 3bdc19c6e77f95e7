"""sweepboard: Hydra-configured experiments for PyTorch whose run folders are TensorBoard boards."""

from importlib.metadata import version

__version__ = version("sweepboard")
