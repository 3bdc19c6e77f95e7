"""The local backend: a job server forks a process for every job."""

from sweepboard.execution.local.executor import GRACE, LocalExecutor, local_resources
from sweepboard.execution.local.job_server import prestarted_server

__all__ = ["GRACE", "LocalExecutor", "local_resources", "prestarted_server"]
