"""Test suites for implementations of sweepboard's contracts; ours pass the same ones.

Nothing here imports pytest: a suite is a class whose `test_...` methods pytest collects from your subclass.

    from sweepboard.testing import ExecutorSuite

    class TestMyExecutor(ExecutorSuite):
        def executor(self, jobs: int, grace: float) -> Executor:
            return MyExecutor(jobs=jobs, grace=grace)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.testing.callbacks import CallbackSuite as CallbackSuite
    from sweepboard.testing.data import DataSuite as DataSuite
    from sweepboard.testing.executors import ExecutorSuite as ExecutorSuite
    from sweepboard.testing.loggers import LoggerSuite as LoggerSuite
    from sweepboard.testing.tasks import TaskSuite as TaskSuite

# Lazily: the jobs of the executor suite import this package, and must not take the time and memory of torch.
__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "CallbackSuite": "sweepboard.testing.callbacks",
        "DataSuite": "sweepboard.testing.data",
        "ExecutorSuite": "sweepboard.testing.executors",
        "LoggerSuite": "sweepboard.testing.loggers",
        "TaskSuite": "sweepboard.testing.tasks",
    },
)
