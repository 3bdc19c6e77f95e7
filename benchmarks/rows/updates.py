"""The steady update, timed inside a run: ours with its logging on, against a bare loop."""

from __future__ import annotations

from benchmarks.bars import Bar, difference, ratio, same
from benchmarks.baselines import fashion
from benchmarks.commands import MLP, clocked, module
from benchmarks.harness import Row

STEADY = (
    "dataset=fashion_mnist",
    "dataset.val_fraction=0",
    "trainer.val_every_epochs=null",
    "trainer.limit_test_batches=1",
)
"""All images, and nothing between the updates but what the loop does at every one of them."""

CNN = clocked("sweepboard", *STEADY, "trainer.steps=600")
CNN_LOOP = module("bare loop", "baselines.bare_loop", "--model", "cnn", "--updates", "600")

CNN_ROW = Row(
    "steady-cnn",
    "steady update with logging, CNN, batch 64",
    "bare tuned loop",
    arms=(CNN, CNN_LOOP),
    bars=(Bar("time of an update", ratio("update_us", CNN, CNN_LOOP), most=1.02),),
    tried=(
        "in one process, in turns of 25 updates each, our loop takes 0.99 to 1.00 of the bare loop's time; "
        "between processes either arm varies by 5 % and more. A logging point costs 0.55 ms, 0.1 % of the 50 "
        "updates before it. Without effect: huge pages (THP_MEM_ALLOC_ENABLE, glibc.malloc.hugetlb), and "
        "normalising in one pass (7 of 10,000 us)."
    ),
    gates=(same("updates", CNN, CNN_LOOP),),
    in_turns=True,
    prepare=(fashion.root,),
)

MLP_RUN = clocked("sweepboard", *STEADY, *MLP, "trainer.steps=5000")
MLP_LOOP = module("bare loop", "baselines.bare_loop", "--model", "mlp", "--batch", "128", "--updates", "5000")

MLP_ROW = Row(
    "steady-mlp",
    "steady update with logging, MLP, batch 128",
    "bare tuned loop",
    arms=(MLP_RUN, MLP_LOOP),
    bars=(
        Bar("time of an update", ratio("update_us", MLP_RUN, MLP_LOOP), most=1.10),
        Bar("more per update", difference("update_us", MLP_RUN, MLP_LOOP), most=30.0, unit=" us"),
    ),
    tried=(
        "two bare loops in turns differ by 5 to 24 % here, by where their memory lies. Of what is more in "
        "ours, about half is the logging point of 50 updates (0.5 to 1 ms at this machine's speed), the "
        "rest turns bytes into normalised floats, which the bare loop has in memory from the start."
    ),
    gates=(same("updates", MLP_RUN, MLP_LOOP),),
    in_turns=True,
    prepare=(fashion.root,),
)
