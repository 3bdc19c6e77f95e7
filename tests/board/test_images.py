"""Pictures show the samples, in their own colours, with captions that fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.event_writer import EventWriter
from sweepboard.board.images import CELL, COLUMNS, Caption, SampleImages, grid, to_pixels
from sweepboard.board.logger import TensorBoard
from sweepboard.data.normalise import Normalise
from sweepboard.data.types import DataSpec
from tests.board.tiny import IMAGES, VECTORS, tiny_run


def test_pixels_come_back_as_they_were() -> None:
    raw = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    pixels = to_pixels(Normalise(IMAGES, torch.device("cpu"))(raw), IMAGES)
    np.testing.assert_array_equal(pixels, raw.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_channels_are_shown_in_grey(channels: int) -> None:
    pixels = to_pixels(torch.rand(2, channels, 4, 4), DataSpec((channels, 4, 4), classes=2))
    assert pixels.shape == (2, 4, 4, 3)
    assert (pixels[..., :1] == pixels).all()


def test_images_that_someone_else_normalised_use_the_whole_range() -> None:
    pixels = to_pixels(torch.randn(4, 3, 4, 4) * 5, DataSpec((3, 4, 4), classes=2))
    assert (pixels.min(), pixels.max()) == (0, 255)


@pytest.mark.parametrize(("side", "zoom"), [(1, 1), (28, 1), (84, 1), (85, 2), (224, 2), (2000, 2)])
@pytest.mark.parametrize("count", [1, 4, 6])
def test_a_grid_is_four_cells_wide_whatever_it_shows(side: int, zoom: int, count: int) -> None:
    captions = [Caption("a very long name of a class, longer than its picture\nand a second line")] * count
    picture = grid(np.zeros((count, side, side // 2 + 1, 3), dtype=np.uint8), captions)
    assert picture.width == zoom * (COLUMNS * CELL + 2)


def test_captions_do_not_run_into_each_other() -> None:
    black = np.full((2, 28, 28, 3), 255, dtype=np.uint8)
    picture = np.asarray(grid(black, [Caption("W" * 40), Caption("")]))
    assert picture[:, :CELL].min() < 100, "the caption is there"
    assert picture[:, CELL + 2 :].min() > 200, "and stays in its cell"


def test_samples_are_written_once_and_only_of_images(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "images")
    (tmp_path / "images").mkdir()
    tiny_run([TensorBoard(writer), SampleImages(6)])
    writer.close()
    events = EventAccumulator(str(tmp_path / "images")).Reload()
    (image,) = events.Images("train/samples")
    assert image.step == 0
    assert image.encoded_image_string.startswith(b"\x89PNG")

    (tmp_path / "vectors").mkdir()
    writer = EventWriter(tmp_path / "vectors")
    tiny_run([TensorBoard(writer), SampleImages(6)], spec=VECTORS)
    writer.close()
    assert not EventAccumulator(str(tmp_path / "vectors")).Reload().Tags()["images"]
