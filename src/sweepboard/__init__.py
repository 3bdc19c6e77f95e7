"""sweepboard: Hydra-configured experiments for PyTorch whose run folders are TensorBoard boards.

run = sweepboard.run("model=mlp", "optimizer.lr=0.1")  # trains, and returns what load_run returns
runs = sweepboard.sweep("optimizer.lr=0.1,0.01")
model = sweepboard.load_model("outputs/2026-11-21/12-00-00")  # an nn.Module in eval mode
records = sweepboard.load_runs("outputs")  # config, metrics and curves of every run
"""

# ruff: noqa: E402 - before anything else is imported, the working directory is taken from the path

from __future__ import annotations

from sweepboard.import_path import leave_out_working_directory

leave_out_working_directory()

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports
from sweepboard.version import __version__ as __version__

if TYPE_CHECKING:
    from sweepboard.analysis.api import load_run as load_run
    from sweepboard.analysis.api import load_runs as load_runs
    from sweepboard.cli.program_main import main as main
    from sweepboard.cli.program_main import script as script
    from sweepboard.cli.python_calls import run as run
    from sweepboard.cli.python_calls import sweep as sweep
    from sweepboard.programs.run import Run as Run
    from sweepboard.runs.load_model import load_model as load_model
    from sweepboard.training.callback import Callback as Callback
    from sweepboard.training.logger import Logger as Logger
    from sweepboard.training.task import Step as Step
    from sweepboard.training.task import Task as Task

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "Callback": "sweepboard.training.callback",
        "Logger": "sweepboard.training.logger",
        "Run": "sweepboard.programs.run",
        "Step": "sweepboard.training.task",
        "Task": "sweepboard.training.task",
        "load_model": "sweepboard.runs.load_model",
        "load_run": "sweepboard.analysis.api",
        "load_runs": "sweepboard.analysis.api",
        "main": "sweepboard.cli.program_main",
        "run": "sweepboard.cli.python_calls",
        "script": "sweepboard.cli.program_main",
        "sweep": "sweepboard.cli.python_calls",
    },
)
