"""A table of 1,000 runs, last and best of every scalar, by TensorBoard's EventAccumulator.

The runs are real: a sweep of ours, made once and kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.baselines.fashion import cache

SWEEPBOARD = str(Path(sys.executable).with_name("sweepboard"))
RATES, SEEDS = 25, 40
WORDS = (
    "-m",
    "optimizer.lr=" + ",".join(f"{(rate + 1) / 1000:g}" for rate in range(RATES)),
    f"seed=range({SEEDS})",
    *("dataset=line", "model=linear", "task=regression", "optimizer=sgd", "threads=1"),
    *("trainer.steps=100", "logging.every_steps=1", "sweep.name=many"),
)


def root() -> Path:
    """The folder of the sweep in the cache."""
    return _kept() / "outputs" / "sweeps" / "many"


def _kept() -> Path:
    return cache() / f"runs-{RATES * SEEDS}"


def make() -> None:
    """Run the sweep where it is not in the cache, which takes minutes; list and compare its runs once."""
    if not _kept().exists():
        scratch = _kept().with_name(f"{_kept().name}.{os.getpid()}")
        scratch.mkdir(parents=True)
        subprocess.run([SWEEPBOARD, *WORDS], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        scratch.rename(_kept())
    for verb in ("ls", "compare"):
        subprocess.run([SWEEPBOARD, verb, str(root())], check=True, stdout=subprocess.DEVNULL)


def by_event_accumulator(root: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """Return last and largest value of each scalar by run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    table = {}
    for folder in sorted(path.parent for path in root.glob("*/run.json")):
        board = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        curves = {tag: [point.value for point in board.Scalars(tag)] for tag in board.Tags()["scalars"]}
        table[folder.name] = {tag: (values[-1], max(values)) for tag, values in curves.items()}
    return table


def main() -> None:
    table = by_event_accumulator(root())
    tags = {tag for row in table.values() for tag in row}
    print(json.dumps({"rows": len(table), "tags": len(tags)}))


if __name__ == "__main__":
    main()
