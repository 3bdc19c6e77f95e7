"""How long it takes from a sweep's command to the first update of its first job, under each launcher.

Under Slurm it is measured where `SLURM_CONF` names a Slurm that runs, as in
`python -m tests.slurm .venv/bin/python -m benchmarks launchers`.
"""

from __future__ import annotations

import os

from benchmarks.arms import Arm
from benchmarks.bars import Bar, quantity, ratio, same
from benchmarks.baselines import fashion
from benchmarks.commands import FASHION, clocked
from benchmarks.harness import Row

SUBMITTED = ("-m", "seed=1,2", *FASHION, "trainer.steps=1", "trainer.limit_test_batches=1", "threads=1")


def launched(option: str, *settings: str) -> Arm:
    """Two jobs of one update each, under a launcher."""
    return clocked(option, *SUBMITTED, f"hydra/launcher={option}", *settings)


LOCAL, RAY = launched("local"), launched("ray", "hydra.launcher.at_once=2")
BASIC, JOBLIB = launched("basic"), launched("joblib", "hydra.launcher.n_jobs=2")
SUBMITIT = launched("submitit_local", "hydra.launcher.timeout_min=10")
SLURM, SUBMITIT_SLURM = launched("slurm"), launched("submitit_slurm", "hydra.launcher.timeout_min=10")
HAS_SLURM = "SLURM_CONF" in os.environ
ARMS = (LOCAL, RAY, BASIC, JOBLIB, SUBMITIT, *((SLURM, SUBMITIT_SLURM) if HAS_SLURM else ()))

LAUNCHERS_ROW = Row(
    "launchers",
    "from the command of a sweep to its first update, CNN",
    "ours under Hydra's launchers",
    arms=ARMS,
    bars=(
        Bar("local against joblib", ratio("first_update", LOCAL, JOBLIB), most=1.0),
        Bar("local against submitit_local", ratio("first_update", LOCAL, SUBMITIT), most=1.0),
        *(
            [Bar("slurm against submitit_slurm", ratio("first_update", SLURM, SUBMITIT_SLURM), most=1.0)]
            if HAS_SLURM
            else ()
        ),
        *(Bar(arm.name, quantity("first_update", arm), unit=" s") for arm in ARMS),
    ),
    gates=tuple(same("updates", LOCAL, arm) for arm in ARMS[1:]),
    prepare=(fashion.root,),
)
