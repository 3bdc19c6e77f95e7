"""Reading runs: load, compare, check, plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.analysis.api import Result as Result
    from sweepboard.analysis.api import Results as Results
    from sweepboard.analysis.api import load_run as load_run
    from sweepboard.analysis.api import load_runs as load_runs

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "Result": "sweepboard.analysis.api",
        "Results": "sweepboard.analysis.api",
        "load_run": "sweepboard.analysis.api",
        "load_runs": "sweepboard.analysis.api",
    },
)
