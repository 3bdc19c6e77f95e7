"""Writing and reading event files, against torch's writer and TensorBoard's reader."""

from __future__ import annotations

from benchmarks.bars import Bar, ratio, same
from benchmarks.commands import module
from benchmarks.harness import Row
from benchmarks.programs.reading import folder_of_runs

FIVE = module("sweepboard, five tags a step", "programs.scalars", "sweepboard")
FIVE_TORCH = module("SummaryWriter, five tags a step", "programs.scalars", "torch")
ONE = module("sweepboard, one tag a step", "programs.scalars", "sweepboard", "--tags", "1")
ONE_TORCH = module("SummaryWriter, one tag a step", "programs.scalars", "torch", "--tags", "1")

SCALARS_ROW = Row(
    "scalars",
    "100k scalars, time of the training thread",
    "SummaryWriter.add_scalar",
    arms=(FIVE, FIVE_TORCH, ONE, ONE_TORCH),
    bars=(
        Bar("times less, five tags a step", ratio("scalar_us", FIVE_TORCH, FIVE), least=5.0),
        Bar("times less, one tag a step", ratio("scalar_us", ONE_TORCH, ONE), least=5.0),
    ),
    gates=(same("checksum", FIVE, FIVE_TORCH), same("checksum", ONE, ONE_TORCH)),
)

READ = module("sweepboard", "programs.reading", "sweepboard")
READ_TENSORBOARD = module("EventAccumulator", "programs.reading", "tensorboard")

READING_ROW = Row(
    "reading",
    "full exact read of 100 runs x 10k points",
    "EventAccumulator",
    arms=(READ, READ_TENSORBOARD),
    bars=(Bar("times faster", ratio("seconds", READ_TENSORBOARD, READ), least=8.0),),
    gates=(same("points", READ, READ_TENSORBOARD), same("checksum", READ, READ_TENSORBOARD)),
    prepare=(folder_of_runs,),
)
