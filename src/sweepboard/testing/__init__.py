"""Test suites for implementations of sweepboard's contracts; ours pass the same ones.

Nothing here imports pytest: a suite is a class whose `test_...` methods pytest collects from your subclass.

    from sweepboard.testing import ExecutorSuite

    class TestMyExecutor(ExecutorSuite):
        def executor(self, jobs: int, grace: float) -> Executor:
            return MyExecutor(jobs=jobs, grace=grace)
"""

from sweepboard.testing.callbacks import CallbackSuite
from sweepboard.testing.executors import ExecutorSuite

__all__ = ["CallbackSuite", "ExecutorSuite"]
