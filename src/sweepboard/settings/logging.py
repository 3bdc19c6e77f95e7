"""Settings of the TensorBoard logs."""

from __future__ import annotations

from dataclasses import dataclass

from sweepboard.settings.field import setting


@dataclass
class LoggingSettings:
    """What a run writes to its event files, and how often."""

    enabled: bool = setting(True, "logging")
    """Write event files at all."""

    every_steps: int | None = setting(50, "logging", minimum=1)
    """Updates between two points of `train/…`; null: one point an epoch."""

    hparams: bool = setting(True, "logging")
    """A row of the HParams table."""

    text: bool = setting(True, "logging", off="false")
    """The resolved configuration and the command as text."""

    layout: bool = setting(True, "logging", off="false")
    """Custom-scalars charts with training and validation in one picture."""

    images: int = setting(16, "logging", minimum=0, off="0")
    """Sample images of the training data to show; 0 for none."""

    histograms: int | None = setting(None, "logging", minimum=1, off="null")
    """Epochs between two histograms of every weight and gradient; null for none."""

    graph: bool = setting(False, "logging", off="false")
    """The model's graph, made with torch.export."""

    predictions: int = setting(0, "logging", minimum=0, off="0")
    """Fixed validation samples whose predictions are drawn at each validation; 0 for none."""

    confusion_matrix: bool = setting(False, "logging", off="false")
    """A confusion matrix of the last validation (classification)."""

    pr_curves: bool = setting(False, "logging", off="false")
    """A precision-recall curve per class at the last validation (classification)."""

    embeddings: int = setting(0, "logging", minimum=0, off="0")
    """Validation samples whose outputs go to the projector at the end; 0 for none."""

    profile: int = setting(0, "logging", minimum=0, off="0")
    """Updates to trace with torch.profiler near the start, written to `profile/`; 0 for none."""
