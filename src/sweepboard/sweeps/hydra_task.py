"""The task function that Hydra calls for a job under a launcher without an executor (basic, joblib)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RUNNING
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import JobView, SweepCallback
from sweepboard.sweeps.outcome import record_of
from sweepboard.sweeps.plan import Plan
from sweepboard.sweeps.plan_file import read_plan, with_secrets
from sweepboard.training.ending import FAILED
from sweepboard.trust.foreign_config import Trust


@dataclass
class SweepTask:
    """Train one job in the calling process; carries the options of the command line to our plug-ins."""

    command: str = ""
    config_dirs: Sequence[Path] = ()
    listener: SweepCallback = field(default_factory=SweepCallback)
    plan_only: bool = False
    """Make the plan, but no folder and no run."""

    accept_changes: bool = False
    """Whether runs continue even if their data or code have changed."""

    process: int = field(default_factory=os.getpid)

    def __getstate__(self) -> dict[str, Any]:
        # joblib sends the task to other processes, from where nobody could follow a display.
        return {**self.__dict__, "listener": SweepCallback()}

    def refuse_to_plan(self) -> None:
        """Raise `ConfigError` if `plan` was asked for, which only the grid sweeper supports."""
        if self.plan_only:
            raise ConfigError("there is no plan to show: only hydra/sweeper=grid knows all jobs beforehand")

    def __call__(self, config: DictConfig) -> float | None:
        """Train; return the best value of the primary metric, or None if there is none.

        A job of a frozen plan runs from its frozen configuration, not from the one that Hydra passes. Only a
        signal to the sweep's process ends the sweep; an error or `sys.exit` in a job does not.
        """
        self.refuse_to_plan()
        from sweepboard.sweeps.job_main import note_failure, train
        from sweepboard.training.signals import Interrupted

        hydra = HydraConfig.get()
        folder, view = RunFolder(Path(hydra.runtime.output_dir)), JobView(str(hydra.sweep.subdir))
        self._tell(view, RUNNING)
        try:
            frozen, job = self._job(config)
            train(folder, frozen, {**job, "command": self.command, "accept": self.accept_changes})
        except Interrupted as stop:
            if os.getpid() == self.process:
                sys.exit(stop.exit_code)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            view.reason, view.traceback = note_failure(error, folder)
            self._tell(view, FAILED)
            return None
        record = record_of(folder)
        if record is not None:
            view.read(record)
            self._tell(view, record.status)
        return view.score

    def _tell(self, view: JobView, state: str) -> None:
        view.state = state
        self.listener.on_state(view)

    def _job(self, config: DictConfig) -> tuple[RunConfig, dict[str, Any]]:
        """Return the configuration of the job from the frozen plan, and how it is run."""
        hydra = HydraConfig.get()
        sweep, label = SweepFolder(Path(hydra.sweep.dir)), str(hydra.sweep.subdir)
        plan = read_plan(sweep) if sweep.plan.is_file() else Plan((), 0)
        job = next((job for job in plan.jobs if job.label == label), None)
        if job is None:
            return self._composed(config), {"number": int(hydra.job.num)}
        frozen = with_secrets(job.config, lambda key: OmegaConf.select(config, key))
        return Trust(plan.own).admitted(frozen), {"number": job.number, "swept": plan.swept}

    def _composed(self, config: DictConfig) -> RunConfig:
        """Return an unplanned job: both its sweeper and its launcher are third-party."""
        from sweepboard.building.prepare import prepare
        from sweepboard.compose.replaced_classes import follow_targets, overrides_of_hydra
        from sweepboard.compose.user_imports import import_modules

        hydra: Any = HydraConfig.get()
        import_modules(config)
        with open_dict(config):
            config.threads = config.threads or 1  # other jobs may run at the same time
        overrides = overrides_of_hydra(OmegaConf.create({"hydra": hydra}))
        choices = dict(hydra.runtime.choices)
        follow_targets(config, overrides, choices, self.config_dirs, hydra.job.config_name)
        return prepare(config, choices, list(hydra.overrides.task)).config
