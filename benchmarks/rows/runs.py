"""Whole commands that train one network: the CNN against the tutorial script, the MLP against Lightning."""

from __future__ import annotations

import statistics

from benchmarks.bars import Bar, between, difference, faster, ratio, same
from benchmarks.baselines import fashion
from benchmarks.commands import BF16, FASHION, MLP, SEED, module, sweepboard, tutorial
from benchmarks.harness import Row

CNN = sweepboard("sweepboard", *FASHION, SEED)
CNN_BF16 = sweepboard("sweepboard bf16", *FASHION, SEED, BF16)
SCRIPT = tutorial("tutorial script")

CNN_ROW = Row(
    "cnn",
    "CNN, 2 epochs, batch 64",
    "tutorial script",
    arms=(CNN, SCRIPT),
    bars=(faster(CNN, SCRIPT, 2.0),),
    gates=(same("updates", CNN, SCRIPT), between("accuracy", 0.87, 0.93, CNN, SCRIPT)),
    group="cnn",
    prepare=(fashion.root,),
)

CNN_BF16_ROW = Row(
    "cnn-bf16",
    "the same in bf16",
    "tutorial script",
    arms=(CNN_BF16, SCRIPT),
    bars=(
        faster(CNN_BF16, SCRIPT, 4.5),
        Bar(
            "difference of mean test accuracy",
            lambda given: 100 * difference("accuracy", CNN_BF16, SCRIPT)(given),
            least=-0.5,
            most=0.5,
            unit=" points",
            middle=statistics.mean,
        ),
    ),
    tried=(
        "a profile of the bare loop in bf16 (ours takes its time in fp32: steady-cnn), one thread: "
        "convolutions and dense layers 55 %, both poolings 30 % (a third of it clears their gradient), "
        "copies between types 3 %, Adam 4 %."
    ),
    gates=(same("updates", CNN_BF16, SCRIPT),),
    group="cnn",
    prepare=(fashion.root,),
)

MEMORY_ROW = Row(
    "memory",
    "peak memory of that run",
    "tutorial script",
    arms=(CNN, SCRIPT),
    bars=(Bar("resident memory", ratio("memory", CNN, SCRIPT), most=1.1),),
    group="cnn",
    prepare=(fashion.root,),
)

MLP_RUN = sweepboard("sweepboard", *FASHION, *MLP, SEED)
LIGHTNING = module(
    "Lightning + Hydra", "baselines.lightning_hydra.train", f"data.root={fashion.cache()}", SEED
)

MLP_ROW = Row(
    "mlp",
    "MLP, 2 epochs, batch 128",
    "Lightning + Hydra",
    arms=(MLP_RUN, LIGHTNING),
    bars=(faster(MLP_RUN, LIGHTNING, 4.0),),
    gates=(same("updates", MLP_RUN, LIGHTNING), between("accuracy", 0.80, 0.90, MLP_RUN, LIGHTNING)),
    prepare=(fashion.root,),
)
