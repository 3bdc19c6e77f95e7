"""The model's outputs on validation samples, as points for TensorBoard's projector.

The projector looks for `projector_config.pbtxt` in the run's folder; the files named there are in
`projector/` and are not taken for event files. A running TensorBoard finds it when the next run appears or
after a restart.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo, ProjectorConfig
from torch import Tensor

from sweepboard.board.images import Pixels, name_of, to_pixels
from sweepboard.board.model_outputs import outputs_of
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from PIL import Image

    from sweepboard.data.types import DataSpec
    from sweepboard.training.learner import Learner
    from sweepboard.training.progress import Progress

CHUNK = 250
"""Batch size of the forward passes."""

SPRITE_SIDE = 8192
"""Largest side, in pixels, of the image of all thumbnails, as limited by browsers."""


class Embeddings(Callback):
    """Writes a point per sample, its classes and, for images, its thumbnail, at the end of a run.

    For classification only: a point is the model's logits.
    """

    may_fail = True

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = count

    def on_end(self, progress: Progress) -> None:
        spec = progress.data.spec
        if progress.data.val is None or spec is None or spec.classes is None:
            return
        inputs, targets = progress.data.val.first(self.count)
        points = _points(progress.learner, inputs, targets)
        if points is None:
            return
        place = self.folder / "projector"
        place.mkdir(exist_ok=True)
        cloud = F.pad(points, (0, max(0, 3 - points.shape[1])))  # the projector draws nothing in the plane
        np.savetxt(place / "points.tsv", cloud.numpy(), fmt="%.6g", delimiter="\t")
        (place / "classes.tsv").write_text(_classes(points, targets, spec), encoding="utf-8")
        info = EmbeddingInfo(tensor_name="val/outputs", tensor_path="projector/points.tsv")
        info.metadata_path = "projector/classes.tsv"
        if spec.is_image:
            thumbnails = sprite(to_pixels(inputs, spec))
            thumbnails.save(place / "sprite.png")
            side = _columns(len(inputs))
            info.sprite.image_path = "projector/sprite.png"
            info.sprite.single_image_dim.extend([thumbnails.width // side, thumbnails.height // side])
        config = text_format.MessageToString(ProjectorConfig(embeddings=[info]))
        (self.folder / "projector_config.pbtxt").write_text(config, encoding="utf-8")


def _points(learner: Learner, inputs: Tensor, targets: Tensor) -> Tensor | None:
    """Return the outputs, computed a chunk at a time; None if the task gives none."""
    chunks = zip(torch.split(inputs, CHUNK), torch.split(targets, CHUNK), strict=True)
    shown = [outputs_of(learner, chunk) for chunk in chunks]
    return torch.cat([each.outputs for each in shown if each]) if all(shown) else None


def _classes(points: Tensor, targets: Tensor, spec: DataSpec) -> str:
    """Return the projector's table of the samples: true and predicted class."""
    names = [" ".join(name_of(number, spec).split()) for number in range(points.shape[1])]
    pairs = zip(targets.tolist(), points.argmax(1).tolist(), strict=True)
    rows = [f"{names[true]}\t{names[predicted]}\n" for true, predicted in pairs]
    return "true\tpredicted\n" + "".join(rows)


def sprite(pixels: Pixels) -> Image.Image:
    """Return all pictures (batch, height, width, 3) in one square grid."""
    from PIL import Image

    side = _columns(len(pixels))
    shrink = math.ceil(side * max(pixels.shape[1:3]) / SPRITE_SIDE)
    tiles = [Image.fromarray(picture).reduce(shrink) for picture in pixels]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (side * width, side * height), "white")
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % side * width, place // side * height))
    return sheet


def _columns(count: int) -> int:
    return math.ceil(math.sqrt(count))
