"""Plan a sweep of learning rates and seeds: sweepboard composes, checks and writes every point, Hydra's basic
sweeper composes every point.

Both start from the same composed configuration of the sweep, which is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra.types import RunMode

from sweepboard.compose.config_search import hydra_ready
from sweepboard.execution import Resources
from sweepboard.settings import SweepSettings
from sweepboard.sweeps.composer import Composer
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.grid import grid
from sweepboard.sweeps.plan import make_plan
from sweepboard.sweeps.plan_file import read_plan, write_plan
from sweepboard.sweeps.points import check_points

FIXED = ("model=mlp", "dataset=gaussian", "device=cpu")
RATES = 25


def words(kind: str, points: int) -> list[str]:
    """The overrides of a sweep of so many points."""
    if kind == "widths":  # a model of its own for each
        return [*FIXED, "model.hidden=" + ",".join(f"[{width + 8}]" for width in range(points))]
    rates = ",".join(f"{(rate + 1) / 1000:g}" for rate in range(RATES))
    return [*FIXED, f"optimizer.lr={rates}", f"seed=range({points // RATES})"]


def with_sweepboard(kind: str, points: int) -> dict[str, float]:
    """Compose, check and freeze, as the grid sweeper does before the first job starts."""
    with hydra_ready() as hydra:
        given = words(kind, points)
        master = hydra.compose_config("config", given, run_mode=RunMode.MULTIRUN)
        composer, resources = Composer(hydra.config_loader, master), Resources(2)
        every = grid(given, (), hydra.config_loader)
        check_points(every[:1], composer.compose, resources)  # imports and downloads nothing twice
        folder = SweepFolder(Path.cwd())

        def plan() -> None:
            checked = check_points(every, composer.compose, resources)
            write_plan(folder, make_plan(checked, SweepSettings(), resources))

        found = _measured(plan, len(every))
    size = folder.plan.stat().st_size
    start = time.perf_counter()
    assert len(read_plan(folder).jobs) == len(every)
    return found | {"disk_kb": size / 1000 / len(every), "read_seconds": time.perf_counter() - start}


def with_hydra(kind: str, points: int) -> dict[str, float]:
    """Compose every point as `BasicSweeper` does for its check and the launcher again for the job."""
    with hydra_ready() as hydra:
        given = words(kind, points)
        master = hydra.compose_config("config", given, run_mode=RunMode.MULTIRUN)
        every = grid(given, (), hydra.config_loader)

        def compose() -> None:
            for point in every:
                hydra.config_loader.load_sweep_config(master, point)

        return _measured(compose, len(every))


def _measured(work: Callable[[], None], points: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1.024
    return {
        "points": points,
        "seconds": seconds,
        "point_ms": seconds / points * 1000,
        "cpu_ms": cpu / points * 1000,
        "memory_kb": added / points,
    }


ARMS = {"sweepboard": with_sweepboard, "hydra": with_hydra}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=ARMS)
    parser.add_argument("points", type=int)
    parser.add_argument("--kind", choices=["numbers", "widths"], default="numbers")
    args = parser.parse_args(arguments)
    print(json.dumps(ARMS[args.who](args.kind, args.points)))


if __name__ == "__main__":
    main()
