"""Real processes for the proofs of examples."""

from tests.runs.conftest import launch as launch
