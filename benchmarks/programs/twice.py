"""Two runs in one Python process: how long each call takes to its first update."""

from __future__ import annotations

import json
import time

import sweepboard

SETTINGS = (
    "dataset=fashion_mnist",
    "dataset.val_fraction=0",
    "trainer.steps=1",
    "trainer.limit_test_batches=1",
)
CLOCK = "+callbacks.clock._target_=benchmarks.clock.FirstUpdate"


def until_first_update(seed: int) -> float:
    """Make a run; return the seconds from the call to its first update."""
    begun = time.perf_counter()
    run = sweepboard.run(*SETTINGS, CLOCK, f"seed={seed}")
    from benchmarks.clock import FirstUpdate  # imports torch, which the first call has to do

    assert run.status == "finished"
    return FirstUpdate.moments[-1] - begun


def main() -> None:
    first, second = until_first_update(1), until_first_update(2)
    from benchmarks.clock import FirstUpdate

    print(json.dumps({"first_call_s": first, "second_call_s": second, "calls": len(FirstUpdate.moments)}))


if __name__ == "__main__":
    main()
