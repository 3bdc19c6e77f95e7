"""What TensorBoard's plug-ins read, as values of a Summary."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.util.tensor_util import make_tensor_proto

if TYPE_CHECKING:
    from PIL import Image


def text(tag: str, markdown: str) -> Summary.Value:
    """A page of the Text panel."""
    metadata = text_metadata.create_summary_metadata(display_name=None, description=None)
    return _value(tag, metadata, np.array(markdown, dtype=np.object_))


def image(tag: str, picture: Image.Image) -> Summary.Value:
    """A picture, stored as PNG. TensorBoard keeps ten steps of a tag."""
    encoded = io.BytesIO()
    picture.save(encoded, format="PNG")
    stored = Summary.Image(
        height=picture.height,
        width=picture.width,
        colorspace=len(picture.getbands()),
        encoded_image_string=encoded.getvalue(),
    )
    return Summary.Value(tag=tag, image=stored)


def histogram(tag: str, buckets: npt.NDArray[np.float64]) -> Summary.Value:
    """A histogram from rows of (left edge, right edge, count)."""
    metadata = histogram_metadata.create_summary_metadata(display_name=None, description=None)
    return _value(tag, metadata, buckets)


def pr_curve(tag: str, curve: npt.NDArray[np.float32]) -> Summary.Value:
    """A precision-recall curve. Rows of `curve`: true positives, false positives, true negatives, false
    negatives, precision, recall; a column per threshold, which rise evenly from 0 to 1."""
    metadata = pr_curve_metadata.create_summary_metadata(
        display_name=tag, description="", num_thresholds=curve.shape[1]
    )
    return _value(tag, metadata, curve)


def _value(tag: str, metadata: SummaryMetadata, content: npt.NDArray[np.generic]) -> Summary.Value:
    return Summary.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto(content))
