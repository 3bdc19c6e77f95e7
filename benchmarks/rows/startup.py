"""What one waits for before anything is learned."""

from __future__ import annotations

from benchmarks.arms import Arm
from benchmarks.bars import Bar, faster, quantity, ratio, same
from benchmarks.baselines import fashion
from benchmarks.commands import FASHION, SWEEPBOARD, clocked, module, tutorial
from benchmarks.harness import Row

HELP = Arm("sweepboard", ((SWEEPBOARD, "--help"),))
LIGHTNING_HELP = module("Lightning + Hydra", "baselines.lightning_hydra.train", "--help")

HELP_ROW = Row(
    "help",
    "--help",
    "Lightning + Hydra",
    arms=(HELP, LIGHTNING_HELP),
    bars=(faster(HELP, LIGHTNING_HELP, 8.0), Bar("time", quantity("wall", HELP), most=0.6, unit=" s")),
)

FIRST = clocked("sweepboard", *FASHION, "trainer.steps=1", "trainer.limit_test_batches=1")
FIRST_SCRIPT = tutorial("tutorial script", words=("--epochs", "1", "--steps", "1"))

FIRST_ROW = Row(
    "first-update",
    "from the command to the first update, CNN",
    "tutorial script",
    arms=(FIRST, FIRST_SCRIPT),
    bars=(Bar("time", ratio("first_update", FIRST, FIRST_SCRIPT), most=0.7),),
    tried=(
        "half of our time is `import torch`, which both arms need. Of 3.1 s at first, 0.35 went with the "
        "cache of decoded data, 0.3 with composing once instead of three times, 0.2 with rare garbage "
        "collections, 0.3 with loading libtorch beside Hydra's own work."
    ),
    gates=(same("updates", FIRST, FIRST_SCRIPT),),
    rounds=15,
    prepare=(fashion.root,),
)
