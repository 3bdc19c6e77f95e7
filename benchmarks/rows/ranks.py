"""Two processes train one network on two cores: against one process with two threads, and against DDP."""

from __future__ import annotations

from benchmarks.arms import Arm
from benchmarks.bars import Bar, ratio, same
from benchmarks.baselines import fashion
from benchmarks.commands import PYTHON, clocked
from benchmarks.harness import Row
from benchmarks.rows.updates import STEADY

RANKS = clocked("2 ranks", *STEADY, "trainer.steps=600", "trainer.devices=2", "threads=1")
THREADS = clocked("1 process, 2 threads", *STEADY, "trainer.steps=600", "threads=2")
TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "benchmarks.baselines.ddp_loop")
DDP = Arm("torchrun + DDP", ((PYTHON, *TORCHRUN, "--updates", "600"),))

RANKS_ROW = Row(
    "ranks",
    "2 ranks on 2 cores, steady update of the CNN, batch 64",
    "plain torchrun + DDP of the same loop",
    arms=(RANKS, THREADS, DDP),
    bars=(
        Bar("time of an update against DDP", ratio("update_us", RANKS, DDP), most=1.03),
        Bar("against one process with two threads", ratio("update_us", RANKS, THREADS)),
    ),
    gates=(same("updates", RANKS, DDP), same("updates", RANKS, THREADS)),
    tried=(
        "0.996x in 3 rounds of the day before; single rounds of today 0.98 to 1.20. Two ranks have both "
        "cores: whatever else the machine does, one of them waits for the other."
    ),
    rounds=11,
    prepare=(fashion.root,),
)
