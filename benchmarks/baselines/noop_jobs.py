"""Jobs that do nothing, under Hydra's joblib launcher: what a sweep costs before anything is trained.

    python -m benchmarks.baselines.noop_jobs -m hydra/launcher=joblib hydra.launcher.n_jobs=2 "seed=range(40)"

joblib's workers stay for many jobs, so torch is imported once per worker and jobs share a process. With
`fresh=true` each job has a process of its own, which imports torch: what one does so that one job's crash or
leftovers cannot harm another. With `seconds=1` each job takes a second, in which it does nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

ConfigStore.instance().store("noop", {"seed": 0, "fresh": False, "seconds": 0.0})


@hydra.main(version_base="1.3", config_path=None, config_name="noop")
def main(cfg: DictConfig) -> None:
    if cfg.fresh:
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
    else:
        import torch  # noqa: F401
    time.sleep(cfg.seconds)


if __name__ == "__main__":
    main()
