"""The loggers that come with sweepboard, and the base class of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.loggers.csv_file import CSV as CSV
    from sweepboard.loggers.mlflow_run import MLflow as MLflow
    from sweepboard.loggers.wandb_run import WandB as WandB
    from sweepboard.training.logger import Logger as Logger

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "CSV": "sweepboard.loggers.csv_file",
        "Logger": "sweepboard.training.logger",
        "MLflow": "sweepboard.loggers.mlflow_run",
        "WandB": "sweepboard.loggers.wandb_run",
    },
)
