"""Figures of a model's predictions on the validation set.

Matplotlib is imported when the first figure is drawn, and used through its objects: no window, no pyplot, no
global state that a user's own plots would share.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor

from sweepboard.board import summaries
from sweepboard.board.dense_pictures import draw_dense, is_dense, spec_of
from sweepboard.board.fonts import as_label, class_label, fonts_for
from sweepboard.board.images import Caption, grid, label_of, name_of, to_pixels
from sweepboard.board.model_outputs import outputs_of, validation_outputs
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from PIL import Image

    from sweepboard.board.event_writer import EventWriter
    from sweepboard.data.types import Batch, DataSpec
    from sweepboard.training.progress import Progress

RIGHT, WRONG = "#1a7f37", "#cf222e"

THRESHOLDS = 127
"""PointBuffer of a precision-recall curve: the maximum of TensorBoard's plug-in."""

READABLE_CLASSES = 25
"""Maximum number of classes for which a confusion matrix shows counts and names."""


LONGEST_NAME = 24
"""Maximum length of a class name at an axis; longer names would leave no room for the picture."""


class Predictions(Callback):
    """Draws the same validation samples at each validation as `val/predictions`.

    For classes, each sample with the predicted class, marked as right or wrong; for real numbers, predicted
    against true values.
    """

    may_fail = True

    def __init__(self, count: int) -> None:
        self.count = count
        self.samples: Batch | None = None

    def on_validation(self, progress: Progress) -> None:
        if progress.data.val is None:
            return
        if self.samples is None:
            self.samples = progress.data.val.first(self.count)
        shown = outputs_of(progress.learner, self.samples)
        if shown is None:
            return
        spec = progress.data.spec or spec_of(shown)
        picture = draw_dense(shown) if is_dense(shown) else draw_predictions(*shown, spec)
        progress.log.image("val/predictions", picture)


class FinalFigures(Callback):
    """Draws confusion matrix and precision-recall curves of the trained model on the validation set."""

    may_fail = True

    def __init__(self, writer: EventWriter, confusion_matrix: bool, pr_curves: bool) -> None:
        self.writer = writer
        self.confusion_matrix = confusion_matrix
        self.pr_curves = pr_curves

    def on_end(self, progress: Progress) -> None:
        spec = progress.data.spec
        if spec is None or spec.classes is None or progress.data.val is None:
            return
        found = validation_outputs(progress)
        if found is None:
            return
        outputs, targets = found
        if self.confusion_matrix:
            counts = confusion(outputs.argmax(1), targets, spec.classes)
            progress.log.image("val/confusion_matrix", draw_confusion(counts, spec))
        if self.pr_curves:
            curves = enumerate(precision_recall(outputs.softmax(1), targets))
            named = [summaries.pr_curve(f"pr_curve/{name_of(number, spec)}", each) for number, each in curves]
            self.writer.add(progress.step, Summary(value=named))  # a kind of TensorBoard's own


def draw_predictions(inputs: Tensor, outputs: Tensor, targets: Tensor, spec: DataSpec) -> Image.Image:
    """Draw samples with their predictions, in the form that suits the data."""
    if spec.classes is None:
        return draw_scatter(outputs, targets)
    if not spec.is_image:
        return draw_probabilities(outputs.softmax(1), targets, spec)
    return grid(to_pixels(inputs, spec), _captions(outputs.softmax(1), targets, spec))


def _captions(probabilities: Tensor, targets: Tensor, spec: DataSpec) -> list[Caption]:
    captions = []
    for row, target in zip(probabilities, targets.tolist(), strict=True):
        chosen = int(row.argmax())
        text = f"{row[chosen]:.0%} {label_of(chosen, spec)}"
        right = Caption(text, RIGHT)
        captions.append(right if chosen == target else Caption(f"{text}\nis {label_of(target, spec)}", WRONG))
    return captions


def draw_probabilities(probabilities: Tensor, targets: Tensor, spec: DataSpec) -> Image.Image:
    """Draw a row per sample and a column per class.

    The true class has a frame: green if predicted, else red.
    """
    with fonts_for(spec.class_names or ()):
        return _draw_probabilities(probabilities, targets, spec)


def _draw_probabilities(probabilities: Tensor, targets: Tensor, spec: DataSpec) -> Image.Image:
    from matplotlib.patches import Rectangle

    samples, classes = probabilities.shape
    figure, axes = _figure(3 + 0.35 * min(classes, 50), 1.5 + 0.3 * samples)
    shown = axes.imshow(probabilities.numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, (target, chosen) in enumerate(
        zip(targets.tolist(), probabilities.argmax(1).tolist(), strict=True)
    ):
        colour = RIGHT if target == chosen else WRONG
        axes.add_patch(Rectangle((target - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=colour, linewidth=2))
    _name_classes(axes.xaxis, spec, rotation=90)
    axes.set(xlabel="class; the true one is framed", ylabel="sample")
    figure.colorbar(shown, label="probability")
    return _picture(figure)


def draw_scatter(outputs: Tensor, targets: Tensor) -> Image.Image:
    """Draw predicted against true values; correct predictions are on the diagonal."""
    true, predicted = targets.flatten().numpy(), outputs.flatten().numpy()
    figure, axes = _figure(5, 5)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    axes.plot(ends, ends, color="#8c959f", linewidth=1)
    axes.scatter(true, predicted, s=14, alpha=0.7)
    axes.set(xlabel="true", ylabel="predicted")
    return _picture(figure)


def confusion(chosen: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Return sample counts of shape (classes, classes), by true and predicted class."""
    return torch.bincount(targets * classes + chosen, minlength=classes**2).view(classes, classes)


def draw_confusion(counts: Tensor, spec: DataSpec) -> Image.Image:
    """Draw a confusion matrix: colours are shares of a row's samples, numbers are counts."""
    with fonts_for(spec.class_names or ()):
        return _draw_confusion(counts, spec)


def _draw_confusion(counts: Tensor, spec: DataSpec) -> Image.Image:
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    size = 3 + 0.5 * min(len(counts), READABLE_CLASSES)
    figure, axes = _figure(size + 1, size)
    shown = axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= READABLE_CLASSES:
        for row, column in counts.nonzero().tolist():
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(int(counts[row, column])), color=colour, ha="center", va="center")
    _name_classes(axes.xaxis, spec, rotation=90)
    _name_classes(axes.yaxis, spec)
    right = counts.diagonal().sum() / counts.sum().clamp(min=1)
    axes.set(xlabel="predicted", ylabel="true", title=f"{right:.2%} of {counts.sum()} right")
    figure.colorbar(shown, label="share of the true class")
    return _picture(figure)


def precision_recall(probabilities: Tensor, targets: Tensor) -> npt.NDArray[np.float64]:
    """Return curves of shape (classes, 6, THRESHOLDS), one class against the rest, for `summaries.pr_curve`.

    A sample counts as positive if its probability is at least the threshold. Source of the method:
    tensorboard/plugins/pr_curve/summary.py.
    """
    classes = probabilities.shape[1]
    # With NaN no class is likely: a diverged model gets curves, too, that show how bad it is.
    places = (probabilities.nan_to_num(0.0) * (THRESHOLDS - 1)).long() + torch.arange(classes) * THRESHOLDS
    positive = targets[:, None] == torch.arange(classes)
    in_bins = [torch.bincount(places[mask], minlength=classes * THRESHOLDS) for mask in (positive, ~positive)]
    tp, fp = (bins.view(classes, THRESHOLDS).flip(1).cumsum(1).flip(1).numpy() for bins in in_bins)
    fn, tn = tp[:, :1] - tp, fp[:, :1] - fp
    precision, recall = tp / np.maximum(tp + fp, 1), tp / np.maximum(tp + fn, 1)
    return np.stack([tp, fp, tn, fn, precision, recall], axis=1)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure; sizes are in inches of 100 pixels."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=100, layout="constrained")
    return figure, figure.subplots()


def _name_classes(axis: Axis, spec: DataSpec, rotation: int = 0) -> None:
    if spec.classes is not None and spec.classes <= READABLE_CLASSES:
        names = [
            as_label(class_label(name_of(number, spec), number), LONGEST_NAME)
            for number in range(spec.classes)
        ]
        axis.set_ticks(range(spec.classes), names, rotation=rotation)


def _picture(figure: Figure) -> Image.Image:
    from PIL import Image

    rendered = io.BytesIO()
    figure.savefig(rendered, format="png")
    return Image.open(rendered).convert("RGB")
