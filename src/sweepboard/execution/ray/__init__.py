"""The Ray backend: actors on a cluster, or on a private one of this machine, run the jobs."""

from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.execution.ray.executor import RayExecutor

__all__ = ["RayCluster", "RayExecutor"]
