"""Ranks that torchrun or srun has started are found by the usual variables, and only those."""

from __future__ import annotations

import pytest

from sweepboard.rank_environment import StartedRank, started_rank

TORCHRUN = {
    "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "localhost", "MASTER_PORT": "29500",
}  # fmt: skip
SRUN = {
    "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_STEP_NODELIST": "localhost",
    "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "1",
}  # fmt: skip


def test_torchrun_is_found_by_its_variables() -> None:
    place = started_rank(TORCHRUN)
    assert place == StartedRank(5, 8, 1, 4, "torchrun", "env://")
    assert place.nodes == 2


def test_srun_is_found_by_its_step() -> None:
    assert started_rank(SRUN) == StartedRank(3, 4, 1, 2, "srun", "tcp://localhost:20701")


def test_hosts_that_only_slurm_knows_are_met_where_srun_was_typed() -> None:
    unknown = {**SRUN, "SLURM_STEP_NODELIST": "n.invalid[1-2]", "SLURM_LAUNCH_NODE_IPADDR": "127.0.0.1"}
    place = started_rank(unknown)
    assert place is not None
    assert place.meeting.startswith("tcp://127.0.0.1:")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {**TORCHRUN, "WORLD_SIZE": "1", "RANK": "0"},
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"},  # a batch script, or salloc
        {**SRUN, "SLURM_STEP_NUM_TASKS": "1"},
        {"RANK": "3"},
    ],
)
def test_a_process_that_was_started_alone_is_no_rank(variables: dict[str, str]) -> None:
    assert started_rank(variables) is None
