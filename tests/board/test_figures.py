"""Figures tell the truth about the validation set, whatever the kind of data."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rcParams
from matplotlib.font_manager import fontManager
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from torch.utils.tensorboard.summary import compute_curve

from sweepboard.board import fonts
from sweepboard.board.event_writer import EventWriter
from sweepboard.board.figures import (
    RIGHT,
    THRESHOLDS,
    WRONG,
    FinalFigures,
    Predictions,
    confusion,
    draw_confusion,
    draw_predictions,
    precision_recall,
)
from sweepboard.board.logger import TensorBoard
from sweepboard.board.model_outputs import validation_outputs
from sweepboard.data.types import DataSpec
from tests.board.tiny import IMAGES, NUMBERS, VECTORS, tiny_run


def has_colour(picture: Image.Image, colour: str) -> bool:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return bool((np.abs(np.asarray(picture).astype(int) - wanted).max(-1) < 40).any())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_confusion_counts_true_by_chosen(pairs: list[tuple[int, int]]) -> None:
    true, chosen = torch.tensor(pairs).T
    expected = torch.zeros(4, 4, dtype=torch.int64)
    for row, column in pairs:
        expected[row, column] += 1
    assert torch.equal(confusion(chosen, true, 4), expected)


def test_precision_and_recall_are_tensorboards() -> None:
    draws = torch.Generator().manual_seed(0)
    probabilities = torch.randn(500, 4, generator=draws).mul(3).softmax(1)
    probabilities[0] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    targets = torch.randint(0, 4, (500,), generator=draws)
    curves = precision_recall(probabilities, targets)
    for number in range(4):
        expected = compute_curve(  # type: ignore[no-untyped-call]
            (targets == number).numpy(), probabilities[:, number].numpy(), num_thresholds=THRESHOLDS
        )
        np.testing.assert_allclose(curves[number], expected)


@pytest.mark.parametrize("spec", [IMAGES, VECTORS], ids=["images", "vectors"])
def test_right_and_wrong_are_marked(spec: DataSpec) -> None:
    inputs, outputs = torch.rand(2, *spec.input_shape), torch.eye(3)[:2] * 5
    all_right = draw_predictions(inputs, outputs, torch.tensor([0, 1]), spec)
    all_wrong = draw_predictions(inputs, outputs, torch.tensor([1, 2]), spec)
    assert (has_colour(all_right, RIGHT), has_colour(all_right, WRONG)) == (True, False)
    assert (has_colour(all_wrong, RIGHT), has_colour(all_wrong, WRONG)) == (False, True)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_a_confusion_matrix_of_any_size_and_with_absent_classes_is_drawn(classes: int) -> None:
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    counts[0, 1] = 5
    assert min(draw_confusion(counts, DataSpec((1,), classes=classes)).size) > 100


def test_no_window_and_no_shared_state() -> None:
    sys.modules.pop("matplotlib.pyplot", None)
    draw_confusion(torch.eye(3, dtype=torch.int64), VECTORS)
    assert "matplotlib.pyplot" not in sys.modules


def test_predictions_at_each_validation_and_figures_at_the_end(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    progress = tiny_run(
        [TensorBoard(writer), Predictions(4), FinalFigures(writer, confusion_matrix=True, pr_curves=True)]
    )
    writer.close()
    events = EventAccumulator(str(tmp_path), {"images": 0, "tensors": 0}).Reload()
    assert [image.step for image in events.Images("val/predictions")] == [5, 10, 15]
    assert [image.step for image in events.Images("val/confusion_matrix")] == [15]
    assert set(events.Tags()["tensors"]) == {"pr_curve/red", "pr_curve/green", "pr_curve/a/b"}
    (point,) = events.Tensors("pr_curve/red")
    assert point.step == 15
    tp, fp, tn, fn, _, _ = make_ndarray(point.tensor_proto)
    np.testing.assert_array_equal(tp + fp + tn + fn, 24)
    found = validation_outputs(progress)
    assert found is not None
    outputs, targets = found
    accuracy = (outputs.argmax(1) == targets).double().mean()
    assert accuracy == progress.val_metrics["accuracy"], "the figures are of the last validation"


def test_real_numbers_have_a_scatter_and_no_figures_of_classes(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    tiny_run([TensorBoard(writer), Predictions(8), FinalFigures(writer, True, True)], spec=NUMBERS)
    writer.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["images"] == ["val/predictions"]
    assert events.Tags()["tensors"] == []


NAMES = ["猫", "🐈", "a$b_{c}$", "x" * 300, r"\frac", "Ärger", "עברית", "\t"]


def test_any_class_name_can_be_drawn(caplog: pytest.LogCaptureFixture) -> None:
    spec = DataSpec((3,), classes=len(NAMES), class_names=tuple(NAMES))
    image = DataSpec((3, 8, 8), classes=len(NAMES), class_names=tuple(NAMES))
    outputs = torch.eye(len(NAMES))
    targets = torch.arange(len(NAMES)).roll(1)
    draw_confusion(torch.eye(len(NAMES), dtype=torch.int64), spec)
    draw_predictions(torch.rand(len(NAMES), 3), outputs, targets, spec)
    draw_predictions(torch.rand(len(NAMES), 3, 8, 8), outputs, targets, image)
    assert all("no installed font has" in line for line in caplog.messages)


@pytest.mark.parametrize("letter", ["猫", "🐈", "क"])
def test_a_letter_that_no_font_has_gives_way_to_the_class_number(
    letter: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fonts._warn.cache_clear()
    monkeypatch.setattr(fonts, "_font_with", lambda _: None)
    assert [fonts.class_label(f"{letter}x", 7) for _ in range(3)] == ["7"] * 3
    assert caplog.messages == [f"no installed font has {letter}: pictures show the number of the class"]
    assert fonts.as_label(f"{letter} $1$") == r"? \$1\$"
    assert fonts.class_label("Ärger", 1) == "Ärger"


def test_an_installed_font_is_found_for_letters_that_the_usual_one_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [font for font in fontManager.ttflist if font.style == "normal"]
    other = next(font for font in known if font.name == "STIXGeneral")
    monkeypatch.setattr(fonts, "_font_with", lambda _: other)
    monkeypatch.setattr(fonts, "_foreign", lambda text: [letter for letter in text if letter == "A"])
    assert fonts.font_file("A\u05d0") is not None, "Hebrew is in the usual font of figures, not of Pillow"
    with fonts.fonts_for(["AB"]):
        assert rcParams["font.family"] == ["DejaVu Sans", "STIXGeneral"]
    assert fonts.class_label("AB", 0) == "AB"


def test_figures_of_outputs_that_are_not_finite() -> None:
    outputs = torch.full((4, 3), float("nan"))
    outputs[0] = torch.tensor([float("inf"), 0.0, 1.0])
    targets = torch.tensor([0, 1, 2, 0])
    curves = precision_recall(outputs.softmax(1), targets)
    assert np.isfinite(curves).all()
    assert curves[0, 0, 0] == 2, "every sample counts, at the threshold 0 as positive"
    draw_confusion(confusion(outputs.argmax(1), targets, 3), DataSpec((1,), classes=3))
    draw_predictions(torch.rand(4, 2), outputs, targets, DataSpec((2,), classes=3))
    draw_predictions(torch.rand(4, 1), outputs[:, :1], torch.rand(4), DataSpec((1,)))
