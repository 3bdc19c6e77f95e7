"""Summary values and messages for TensorBoard's plug-ins."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.custom_scalar.layout_pb2 import Category, Chart, Layout, MultilineChartContent
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.util.tensor_util import make_tensor_proto

if TYPE_CHECKING:
    from PIL import Image


def text(tag: str, markdown: str) -> Summary.Value:
    """Return a markdown page of the Text panel."""
    metadata = text_metadata.create_summary_metadata(display_name=None, description=None)
    return _value(tag, metadata, np.array(markdown, dtype=np.object_))


def plain_text(tag: str, content: str) -> Summary:
    """Return `content` unformatted, in a code block."""
    return Summary(value=[text(tag, code_block(content))])


def code_block(content: str) -> str:
    """Return `content` in a markdown fence that is longer than any run of backticks in it."""
    longest = max((len(ticks) for ticks in re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{content.rstrip()}\n{fence}"


def image(tag: str, picture: Image.Image) -> Summary.Value:
    """Return a picture, stored as PNG. TensorBoard keeps ten steps of a tag."""
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
    """Return a histogram from rows of (left edge, right edge, count)."""
    metadata = histogram_metadata.create_summary_metadata(display_name=None, description=None)
    return _value(tag, metadata, buckets)


def pr_curve(tag: str, curve: npt.NDArray[np.float32]) -> Summary.Value:
    """Return a precision-recall curve.

    Rows of `curve`: true positives, false positives, true negatives, false negatives, precision, recall;
    columns: thresholds, evenly from 0 to 1.
    """
    metadata = pr_curve_metadata.create_summary_metadata(
        display_name=tag, description="", num_thresholds=curve.shape[1]
    )
    return _value(tag, metadata, curve)


def layout(metrics: Iterable[str]) -> Summary:
    """Return a page with one chart per metric of a task, then learning rate and throughput.

    It depends on nothing else, because TensorBoard merges the layouts of runs only if they are equal.
    """
    curves = [_chart(metric, f"train/{metric}", f"val/{metric}") for metric in metrics]
    run = [_chart("learning rate", "lr"), _chart("samples per second", "perf/samples_per_second")]
    page = Layout(category=[Category(title="metrics", chart=curves), Category(title="run", chart=run)])
    value = Summary.Value(
        tag=layout_metadata.CONFIG_SUMMARY_TAG,
        metadata=layout_metadata.create_summary_metadata(),
        tensor=make_tensor_proto(page.SerializeToString()),
    )
    return Summary(value=[value])


def _value(tag: str, metadata: SummaryMetadata, content: npt.NDArray[np.generic]) -> Summary.Value:
    return Summary.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto(content))


def _chart(title: str, *tags: str) -> Chart:
    patterns = [f"^{re.escape(tag)}$" for tag in tags]  # a layout names tags by regular expressions
    return Chart(title=title, multiline=MultilineChartContent(tag=patterns))
