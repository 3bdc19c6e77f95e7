"""Settings of what is written to the board (no torch in here; the config system reads this class too)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class LoggingSettings:
    """What a run writes to its event files, and how often."""

    enabled: bool = True
    """Write event files at all."""

    every_steps: int | None = 50
    """Updates between two points of `train/…`, `lr`, `epoch` and `perf/…`; null: one point an epoch."""

    hparams: bool = True
    """A row of the HParams table."""

    text: bool = True
    """The resolved configuration and the command as text."""

    layout: bool = True
    """Custom-scalars charts with training and validation in one picture."""

    images: int = 16
    """Sample images of the training data to show; 0 for none."""

    histograms: int | None = None
    """Epochs between two histograms of every weight and gradient; null for none."""

    graph: bool = False
    """The model's graph, made with torch.export."""

    predictions: int = 0
    """Fixed validation samples whose predictions are drawn at each validation; 0 for none."""

    confusion_matrix: bool = False
    """A confusion matrix of the last validation (classification)."""

    pr_curves: bool = False
    """A precision-recall curve per class at the last validation (classification)."""

    embeddings: int = 0
    """Validation samples whose outputs go to the projector at the end; 0 for none."""

    profile: int = 0
    """Updates to trace with torch.profiler near the start, written to `profile/`; 0 for none."""
