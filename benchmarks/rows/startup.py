"""What one waits for before anything is learned."""

from __future__ import annotations

from benchmarks.arms import Arm
from benchmarks.bars import Bar, Round, between, faster, quantity, ratio, same
from benchmarks.baselines import fashion
from benchmarks.commands import FASHION, SWEEPBOARD, clocked, module, tutorial
from benchmarks.harness import Row
from benchmarks.programs import stopped_run

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
BARE = module("bare script", "baselines.one_update")

FIRST_ROW = Row(
    "first-update",
    "from the command to the first update, CNN",
    "tutorial script; a script that imports torch and makes one update on noise",
    arms=(FIRST, FIRST_SCRIPT, BARE),
    bars=(
        Bar("time against the tutorial script", ratio("first_update", FIRST, FIRST_SCRIPT), most=0.7),
        Bar("time against the bare script", ratio("first_update", FIRST, BARE), most=1.0),
    ),
    tried=(
        "half of our time is `import torch`, which both arms need. Of 3.1 s at first, 0.35 went with the "
        "cache of decoded data, 0.3 with composing once instead of three times, 0.2 with rare garbage "
        "collections, 0.3 with loading libtorch beside Hydra's own work. The bare script has nothing but "
        "that import and an update: what Hydra, checks and record take must be hidden beside it."
    ),
    gates=(same("updates", FIRST, FIRST_SCRIPT, BARE),),
    rounds=15,
    prepare=(fashion.root,),
)

TWICE = module("sweepboard.run twice", "programs.twice")


def second_of_first(given: Round) -> float:
    """The second call's time over the first one's."""
    return given[TWICE.name]["second_call_s"] / given[TWICE.name]["first_call_s"]


TWICE_ROW = Row(
    "second-call",
    "`sweepboard.run` twice in one process: from the second call to its first update, CNN",
    "the first call",
    arms=(TWICE,),
    bars=(
        Bar("time", second_of_first, most=0.15),
        Bar("second call", quantity("second_call_s", TWICE), unit=" s"),
    ),
    tried=(
        "of 0.25 s of processor time until the update of the second call, Hydra's composition takes 54 %, "
        "our check of the configuration 10 %, Hydra's job around the run and its files 16 %, building, "
        "record and update 19 %. The schema is made once for a process, which saved 0.03 s."
    ),
    gates=(between("calls", 2, 2, TWICE),),
    prepare=(fashion.root,),
)

FRESH = clocked("fresh start", *stopped_run.SETTINGS, "trainer.steps=1")
ONE_MORE = f"trainer.steps={stopped_run.UPDATES + 1}"
GOING_ON = f"cp -r {stopped_run.FOLDER} run && exec {SWEEPBOARD} resume run {ONE_MORE}"
RESUMED = Arm("resume", (("sh", "-c", GOING_ON),))

RESUME_ROW = Row(
    "resume",
    "from `sweepboard resume` to the next update, CNN",
    "a fresh start",
    arms=(RESUMED, FRESH),
    bars=(Bar("time", ratio("first_update", RESUMED, FRESH), most=1.1),),
    gates=(same("updates", RESUMED, FRESH),),
    rounds=15,
    prepare=(fashion.root, stopped_run.make),
)
