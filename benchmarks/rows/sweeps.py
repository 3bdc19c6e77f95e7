"""Sweeps: against the tutorial script run again and again, and against Hydra's own launchers."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.arms import Arm
from benchmarks.bars import Bar, Round, difference, faster, quantity, ratio, runs, same
from benchmarks.baselines import fashion
from benchmarks.commands import BF16, FASHION, MLP, module, sweepboard, tutorial
from benchmarks.harness import Row

RATES = ("1e-4", "2e-4", "5e-4", "1e-3", "2e-3", "3e-3", "5e-3", "1e-2")
CNN_SWEEP = ("-m", f"optimizer.lr={','.join(RATES)}", *FASHION)
MLP_SWEEP = ("-m", f"optimizer.lr={','.join(RATES)}", "seed=1,2", *FASHION, *MLP)

LOCAL = ("hydra/launcher=local", "threads=1")
BASIC = ("hydra/launcher=basic", "threads=2")
"""One job at a time, which may have both cores."""

JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=1")
"""The joblib launcher's best setting on two cores: two workers with one thread each."""

CNN = sweepboard("sweepboard", *CNN_SWEEP, *LOCAL)
CNN_BF16 = sweepboard("sweepboard bf16", *CNN_SWEEP, *LOCAL, BF16)
CNN_BASIC = sweepboard("basic launcher", *CNN_SWEEP, *BASIC)
CNN_JOBLIB = sweepboard("joblib launcher", *CNN_SWEEP, *JOBLIB)
SCRIPTS = tutorial("tutorial script 8 times", *RATES)

CNN_ROW = Row(
    "sweep-cnn",
    "8 x CNN sweep (learning rates), 2 epochs",
    "tutorial script, 8 times",
    arms=(CNN, CNN_BF16, SCRIPTS),
    bars=(faster(CNN, SCRIPTS, 2.5), faster(CNN_BF16, SCRIPTS, 4.0)),
    gates=(same("updates", CNN, CNN_BF16, SCRIPTS), runs(8, CNN, CNN_BF16, SCRIPTS)),
    rounds=3,
    group="sweep-cnn",
    prepare=(fashion.root,),
)

LAUNCHERS_ROW = Row(
    "sweep-cnn-hydra",
    "the same sweep",
    "ours under Hydra's launchers",
    arms=(CNN, CNN_BASIC, CNN_JOBLIB),
    bars=(
        Bar("times faster than basic", ratio("wall", CNN_BASIC, CNN), least=1.1),
        Bar("times faster than joblib", ratio("wall", CNN_JOBLIB, CNN), least=1.0),
    ),
    gates=(same("updates", CNN, CNN_BASIC, CNN_JOBLIB), runs(8, CNN, CNN_BASIC, CNN_JOBLIB)),
    rounds=3,
    group="sweep-cnn",
)

MLP_LOCAL = sweepboard("sweepboard", *MLP_SWEEP, *LOCAL)
MLP_BASIC = sweepboard("basic launcher", *MLP_SWEEP, *BASIC)
MLP_JOBLIB = sweepboard("joblib launcher", *MLP_SWEEP, *JOBLIB)

MLP_ROW = Row(
    "sweep-mlp",
    "16 x MLP sweep (learning rates, seeds), 2 epochs",
    "ours under Hydra's launchers",
    arms=(MLP_LOCAL, MLP_BASIC, MLP_JOBLIB),
    bars=(
        Bar("times faster than basic", ratio("wall", MLP_BASIC, MLP_LOCAL), least=1.6),
        Bar("times faster than joblib", ratio("wall", MLP_JOBLIB, MLP_LOCAL), least=1.1),
    ),
    gates=(same("updates", MLP_LOCAL, MLP_BASIC, MLP_JOBLIB), runs(16, MLP_LOCAL, MLP_BASIC, MLP_JOBLIB)),
    tried="both cores are 92 % busy in ours, so that processor time is what is left. The other arms run "
    "our own task under Hydra's launchers: what makes a run start sooner makes them faster, too.",
)

NOOP = ("dataset=line", "model=linear", "task=regression", "optimizer=sgd", "trainer.steps=1")
JOBS = sweepboard("sweepboard", "-m", "seed=range(40)", *NOOP, *LOCAL)
NOOP_JOBS = ("-m", "seed=range(40)", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
FRESH_JOBS = module("joblib, torch per job", "baselines.noop_jobs", *NOOP_JOBS, "fresh=true")
WORKER_JOBS = module("joblib, torch per worker", "baselines.noop_jobs", *NOOP_JOBS)

JOBS_ROW = Row(  # ours: a process each, one update, and the whole record
    "jobs",
    "40 no-op jobs, overhead per job",
    "joblib launcher, torch per job",
    arms=(JOBS, FRESH_JOBS, WORKER_JOBS),
    bars=(
        Bar("times less per job", ratio("wall", FRESH_JOBS, JOBS), least=3.0),
        Bar("per job", lambda given: quantity("wall", JOBS)(given) / 40, most=0.15, unit=" s"),
        Bar("times less than joblib with two workers that stay", ratio("wall", WORKER_JOBS, JOBS)),
    ),
    tried="an absolute time: 0.116 s (7 rounds, commit 9e66918e9d) on the same kind of machine while it was "
    "about 1.5 times as fast (an update of the bare MLP loop 850 us).",
    gates=(runs(40, JOBS),),
)

SECONDS = 200
"""Jobs of one second each."""

WAIT = "+callbacks.wait._target_=benchmarks.workloads.OneSecond"
WAITING = sweepboard("sweepboard", "-m", f"seed=range({SECONDS})", *NOOP, WAIT, *LOCAL)
WAITING_JOBS = (f"seed=range({SECONDS})", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seconds=1")
WAITING_WORKERS = module("joblib, torch per worker", "baselines.noop_jobs", "-m", *WAITING_JOBS)


def overhead(arm: Arm) -> Callable[[Round], float]:
    """Return what a job costs beyond its second, two at once."""
    return lambda given: given[arm.name]["wall"] / SECONDS - 0.5


SECONDS_ROW = Row(
    "jobs-of-a-second",
    f"{SECONDS} jobs of a second, two at once, overhead per job",
    "joblib launcher with workers that stay",
    arms=(WAITING, WAITING_WORKERS),
    bars=(
        Bar(
            "times less per job",
            lambda given: overhead(WAITING_WORKERS)(given) / overhead(WAITING)(given),
            least=1.5,
        ),
        Bar("per job", overhead(WAITING), unit=" s"),
    ),
    gates=(runs(SECONDS, WAITING),),
    rounds=3,
)

SHORT = (
    "-m",
    "seed=1,2",
    "trainer.steps=300",
    "trainer.limit_test_batches=1",
    "dataset.val_fraction=0",
    *LOCAL,
)
LARGE = sweepboard("sweepboard", *SHORT, FASHION[0], watch=True)
SMALL = sweepboard("sweepboard, fashion_mini", *SHORT, watch=True)
SHORT_SCRIPT = tutorial("tutorial script", words=("--epochs", "1", "--steps", "300"))

MEMORY_ROW = Row(
    "memory-sweep",
    "memory that a further job of a CNN sweep adds",
    "tutorial script",
    arms=(LARGE, SMALL, SHORT_SCRIPT),
    bars=(
        Bar(
            "of the script's peak",
            lambda given: quantity("added", LARGE)(given) / quantity("memory", SHORT_SCRIPT)(given),
            most=1.1,
        ),
        Bar(
            "more with 55 MiB of data than with 9 MiB",
            difference("added", LARGE, SMALL),
            most=20.0,
            unit=" MiB",
        ),
    ),
    prepare=(fashion.root,),
)
