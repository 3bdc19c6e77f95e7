"""Summary values and messages for TensorBoard's plug-ins."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.custom_scalar.layout_pb2 import (
    Category,
    Chart,
    Layout,
    MarginChartContent,
    MultilineChartContent,
)
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.mesh import metadata as mesh_metadata
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata
from tensorboard.plugins.text import metadata as text_metadata

from sweepboard.board.tensors import array_tensor, text_tensor
from sweepboard.metric_names import SPEED

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor


def text(tag: str, markdown: str) -> Summary.Value:
    """Return a markdown page of the Text panel."""
    metadata = text_metadata.create_summary_metadata(display_name=None, description=None)
    return Summary.Value(tag=tag, metadata=metadata, tensor=text_tensor(markdown.encode()))


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


def pixels(tag: str, content: Tensor) -> Summary.Value:
    """Return a picture of bytes (height, width, channels)."""
    from PIL import Image

    return image(tag, Image.fromarray(content.squeeze(-1).numpy()))


def video(tag: str, frames: Tensor, fps: float) -> Summary.Value:
    """Return a film (frames, height, width, 3) as an animated picture, which the Images panel plays."""
    _, height, width, _ = frames.shape
    film = animated(frames, fps)
    stored = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=film)
    return Summary.Value(tag=tag, image=stored)


def animated(frames: Tensor, fps: float) -> bytes:
    """Return a film (frames, height, width, 3) as the bytes of a GIF."""
    from PIL import Image

    first, *rest = (Image.fromarray(frame.numpy()) for frame in frames)
    encoded = io.BytesIO()
    first.save(encoded, "GIF", save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)
    return encoded.getvalue()


def audio(tag: str, samples: Tensor, rate: int) -> Summary.Value:
    """Return a sound (channels, samples) of the Audio panel, stored as WAV of 16 bits."""
    stored = Summary.Audio(
        sample_rate=rate,
        num_channels=len(samples),
        length_frames=samples.shape[1],
        encoded_audio_string=wav(samples, rate),
        content_type="audio/wav",
    )
    return Summary.Value(tag=tag, audio=stored)


def wav(samples: Tensor, rate: int) -> bytes:
    """Return a sound (channels, samples) as a WAV file."""
    import wave

    encoded = io.BytesIO()
    with wave.open(encoded, "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples.T.contiguous() * 32767).round().numpy().astype("<i2").tobytes())
    return encoded.getvalue()


def mesh(tag: str, vertices: Tensor, faces: Tensor | None, colours: Tensor | None) -> Iterator[Summary.Value]:
    """Yield the values of the Mesh panel: one for the vertices, one for the faces, one for the colours."""
    kinds = MeshPluginData.VERTEX, MeshPluginData.FACE, MeshPluginData.COLOR
    parts = zip(kinds, (vertices, faces, colours), strict=True)
    given = [(kind, part) for kind, part in parts if part is not None]
    components = mesh_metadata.get_components_bitmask([kind for kind, _ in given])
    for kind, part in given:
        content = part.numpy()[None]  # the panel takes a batch of meshes
        metadata = mesh_metadata.create_summary_metadata(
            tag, None, content_type=kind, components=components, shape=content.shape
        )
        yield _value(mesh_metadata.get_instance_name(tag, kind), metadata, content)


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
    run = [_chart("learning rate", "train/lr"), _chart("samples per second", SPEED)]
    return _layout(Category(title="metrics", chart=curves), Category(title="run", chart=run))


def bands(tags: Iterable[str], lower: str, upper: str) -> Summary:
    """Return a page with a chart for each tag, a line in the band from `<tag><lower>` to `<tag><upper>`.

    TensorBoard 2.21 shows charts with bands in the reverse of the order in which they are written.
    """
    charts = [
        Chart(title=tag, margin=MarginChartContent(series=[_band(tag, f"{tag}{lower}", f"{tag}{upper}")]))
        for tag in reversed([*tags])
    ]
    return _layout(Category(title="mean and spread over seeds", chart=charts))


def _band(value: str, lower: str, upper: str) -> MarginChartContent.Series:
    return MarginChartContent.Series(value=value, lower=lower, upper=upper)


def _layout(*categories: Category) -> Summary:
    page = Layout(category=categories)
    value = Summary.Value(
        tag=layout_metadata.CONFIG_SUMMARY_TAG,
        metadata=layout_metadata.create_summary_metadata(),
        tensor=text_tensor(page.SerializeToString()),
    )
    return Summary(value=[value])


def _value(tag: str, metadata: SummaryMetadata, content: npt.NDArray[np.generic]) -> Summary.Value:
    return Summary.Value(tag=tag, metadata=metadata, tensor=array_tensor(content))


def _chart(title: str, *tags: str) -> Chart:
    patterns = [f"^{re.escape(tag)}$" for tag in tags]  # a layout names tags by regular expressions
    return Chart(title=title, multiline=MultilineChartContent(tag=patterns))
