"""A folder of JPEG files like photographs of 500 x 375 pixels, made once for all arms."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.baselines.fashion import cache

COUNT, CLASSES = 2000, 10
HEIGHT, WIDTH = 375, 500
QUALITY = 90

_CANVAS = 2048


def folder() -> Path:
    """`train/<class>/<number>.jpg` in the cache; written at the first call, which takes a minute."""
    made = cache() / f"photographs-{COUNT}"
    if not made.exists():
        scratch = made.with_name(f"{made.name}.{os.getpid()}")
        canvas = _canvas(np.random.default_rng(0))
        for number in range(COUNT):
            _write(scratch / "train" / f"class{number % CLASSES}" / f"{number:05d}.jpg", canvas, number)
        scratch.rename(made)
    return made


def _canvas(random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Noise whose amplitude falls with its frequency, as that of photographs does; three channels."""
    rows, columns = np.fft.fftfreq(_CANVAS), np.fft.rfftfreq(_CANVAS)
    frequency = np.hypot(rows[:, None], columns[None])
    frequency[0, 0] = np.inf
    phases = np.exp(2j * np.pi * random.random((3, *frequency.shape)))
    noise = np.fft.irfft2(phases / frequency, s=(_CANVAS, _CANVAS))
    return np.asarray(noise / noise.std(axis=(1, 2), keepdims=True), np.float32)


def _write(path: Path, canvas: npt.NDArray[np.float32], number: int) -> None:
    """Brightness with a few edges and grain, and colours that change slowly."""
    from PIL import Image

    random = np.random.default_rng(number)
    top, left = random.integers(0, _CANVAS - HEIGHT), random.integers(0, _CANVAS - WIDTH)
    part = canvas[:, top : top + HEIGHT, left : left + WIDTH].copy()
    for _ in range(12):
        y, x = random.integers(0, HEIGHT - 20), random.integers(0, WIDTH - 20)
        h, w = random.integers(20, HEIGHT // 2), random.integers(20, WIDTH // 2)
        part[:, y : y + h, x : x + w] += random.normal(0, 0.5, (3, 1, 1))
    brightness, *colours = part
    brightness = brightness + random.normal(0, 0.08, brightness.shape)
    pixels = np.stack([brightness + 0.3 * colours[0], brightness, brightness + 0.3 * colours[1]], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((128 + 45 * pixels).clip(0, 255).astype(np.uint8)).save(path, quality=QUALITY)


if __name__ == "__main__":
    print(folder())
