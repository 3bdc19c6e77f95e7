"""Whatever is drawn of a run, the run is the same run, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sweepboard.board.event_writer import EventWriter
from sweepboard.board.figures import FinalFigures, Predictions
from sweepboard.board.graph import ModelGraph
from sweepboard.board.histograms import Histograms
from sweepboard.board.images import SampleImages
from sweepboard.board.profiler import Profile
from sweepboard.board.projector import Embeddings
from sweepboard.data.types import DataSpec
from sweepboard.training.callback import Callback
from tests.board.tiny import IMAGES, NUMBERS, VECTORS, tiny_run

OBSERVERS: dict[str, Callable[[EventWriter], Callback]] = {
    "graph": ModelGraph,
    "histograms": lambda writer: Histograms(writer, 1),
    "images": lambda writer: SampleImages(4),
    "predictions": lambda writer: Predictions(4),
    "figures": lambda writer: FinalFigures(writer, True, True),
    "embeddings": lambda writer: Embeddings(writer.folder, 10),
    "profile": lambda writer: Profile(writer, writer.folder, 2),
}


def fingerprint(callbacks: list[Callback], spec: DataSpec) -> list[torch.Tensor]:
    progress = tiny_run(callbacks, spec)
    model = progress.learner.model
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    modes = [module.training for module in model.modules()]
    metrics = list(progress.val_metrics.values())
    return [*model.state_dict().values(), *gradients, torch.tensor(modes), torch.tensor(metrics)]


@pytest.mark.parametrize("spec", [IMAGES, VECTORS, NUMBERS], ids=["images", "vectors", "numbers"])
def test_no_observer_changes_a_run(spec: DataSpec, tmp_path: Path) -> None:
    alone = fingerprint([], spec)
    for name, make in OBSERVERS.items():
        watched = fingerprint([make(EventWriter(tmp_path))], spec)
        for one, other in zip(alone, watched, strict=True):
            assert torch.equal(one, other), name
