"""Nothing given up for speed: the network learns what it should, and the fast path repeats bit for bit."""

from __future__ import annotations

from benchmarks.arms import Arm
from benchmarks.bars import Bar, between, quantity
from benchmarks.commands import BF16, FASHION, SEED, SWEEPBOARD, sweepboard
from benchmarks.harness import Row

TEN = sweepboard("sweepboard", FASHION[0], "trainer.epochs=10", SEED)
TEN_BF16 = sweepboard("sweepboard bf16", FASHION[0], "trainer.epochs=10", SEED, BF16)
LOW, HIGH = 0.905, 0.93

ACCURACY_ROW = Row(
    "accuracy",
    "CNN, 10 epochs, three seeds",
    "what is known of this network",
    arms=(TEN, TEN_BF16),
    bars=(
        Bar("test accuracy", quantity("accuracy", TEN), least=LOW, most=HIGH, unit=""),
        Bar("test accuracy in bf16", quantity("accuracy", TEN_BF16), least=LOW, most=HIGH, unit=""),
    ),
    gates=(between("accuracy", LOW, HIGH, TEN, TEN_BF16),),
    rounds=3,
)

VERIFIED = Arm("sweepboard", ((SWEEPBOARD, *FASHION), ("sh", "-c", f"{SWEEPBOARD} verify outputs/*/*")))

VERIFY_ROW = Row(
    "verify",
    "CNN, 2 epochs, then `verify`: every bit again",
    "itself",
    arms=(VERIFIED,),
    bars=(Bar("time of both", quantity("wall", VERIFIED), unit=" s"),),
    rounds=1,
)
