"""What training waits for when a checkpoint of a gigabyte is saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.arms import Arm
from benchmarks.bars import Bar, between, quantity, ratio, same
from benchmarks.commands import SWEEPBOARD, module
from benchmarks.harness import Row
from benchmarks.process import Sample

EVERY, UPDATES, BATCH = "20", "60", "16"


def _size(folder: Path) -> Sample:
    """The size of the last checkpoint."""
    return {"gigabytes": max(path.stat().st_size for path in folder.rglob("last.pt")) / 1e9}


OURS = Arm(
    "sweepboard",
    (
        (
            SWEEPBOARD,
            "+callbacks.clock._target_=benchmarks.clock.StallClock",
            f"+callbacks.clock.every={EVERY}",
            "dataset._target_=benchmarks.workloads.vectors",
            "model._target_=benchmarks.workloads.gigabyte_model",
            "task=regression",
            "optimizer.lr=1e-4",
            f"dataset.batch_size={BATCH}",
            "dataset.val_fraction=0",
            "trainer.val_every_epochs=null",
            f"trainer.steps={UPDATES}",
            "trainer.checkpoint.every_epochs=null",
            f"trainer.checkpoint.every_steps={EVERY}",
        ),
    ),
    read=_size,
)
WORDS = ("--updates", UPDATES, "--every", EVERY, "--batch", BATCH)
IN_PLACE = replace(module("torch.save", "baselines.saving_loop", *WORDS), read=_size)

STALL_ROW = Row(
    "checkpoint",
    "a checkpoint of 1 GB: how long nothing is trained",
    "torch.save in the loop",
    arms=(OURS, IN_PLACE),
    bars=(
        Bar("times less", ratio("stall_s", IN_PLACE, OURS), least=20.0),
        Bar("stall", quantity("stall_s", OURS), unit=" s"),
        Bar("how much later the next update comes, times less", ratio("later_s", IN_PLACE, OURS)),
        Bar(
            "with all that writing takes from updates after it, times less", ratio("whole_s", IN_PLACE, OURS)
        ),
    ),
    gates=(same("updates", OURS, IN_PLACE), between("gigabytes", 1.0, 1.1, OURS, IN_PLACE)),
    tried=(
        "processor time for 1 GB: 0.08 s in each of two threads for the copy, 0.5 to 0.8 s for torch.save. "
        "What is left is the speed of memory: the copy took 0.7 s before its memory was kept from one save "
        "to the next. Copying beside the next forward pass would stop training for less, but a model may "
        "change its weights there (nn.Embedding with max_norm). Memory that this virtual machine has not "
        "touched before is slow: stalls were 1.4 s at first, and 0.32 s once it had."
    ),
    rounds=5,
)
