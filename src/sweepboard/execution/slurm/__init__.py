"""The Slurm backend: jobs are elements of job arrays, and every process meets the others in files."""

from sweepboard.execution.slurm.executor import SlurmExecutor

__all__ = ["SlurmExecutor"]
