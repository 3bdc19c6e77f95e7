"""Run the jobs of a plan by a launcher without an executor (basic, joblib), which calls our task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from sweepboard.compat.hydra import ConfigLoaderImpl, callbacks_of
from sweepboard.compose.config_search import CONFIG, hydra_ready
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.override_grammar import quoted, unquoted
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.hydra_task import SweepTask
from sweepboard.sweeps.job_status import JobView, views_of
from sweepboard.sweeps.launcher import LauncherChoice
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.plan_file import read_frozen
from sweepboard.sweeps.results import write_results

_SUBDIR = "hydra.sweep.subdir="


class FrozenConfigs(ConfigLoaderImpl):
    """A stand-in for Hydra's config loader that returns the frozen configuration of each job.

    So nothing is composed again from YAML that may have changed or gone. Launchers pickle it for their job
    processes, so it holds only the configurations that contain secrets, which are in no file.
    """

    def __init__(self, loader: ConfigLoader, folder: SweepFolder, jobs: Sequence[PlannedJob]) -> None:
        super().__init__(loader.get_search_path())
        self._folder = folder
        self._checksums = {job.label: job.checksum for job in jobs}
        self._secret = {job.label: job.config for job in jobs if job.config.safe != job.config.values}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the configuration of the job whose label is in the last override."""
        label = unquoted(sweep_overrides[-1].removeprefix(_SUBDIR))
        job = self._secret.get(label) or read_frozen(self._folder, label, self._checksums[label])
        composed = {"hydra": deepcopy(master_config.hydra), **_as_text(job.values)}
        config = OmegaConf.create(composed, flags={"struct": True})
        OmegaConf.set_readonly(config.hydra, None)  # `HydraConfig` sets it, but the launcher writes there
        with open_dict(config.hydra):
            config.hydra.overrides.task = sweep_overrides[:-1]
            config.hydra.sweep.subdir, config.hydra.mode = label, RunMode.RUN
            config.hydra.runtime.choices.update(job.groups)
        return config


def _as_text(value: Any) -> Any:
    """Return a plain value with `${...}` escaped, so that OmegaConf reads it as text."""
    if isinstance(value, Mapping):
        return {key: _as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return value.replace("${", "\\${") if isinstance(value, str) else value


def run_by_hydra(
    context: HydraContext,
    task: SweepTask,
    config: DictConfig,
    folder: SweepFolder,
    plan: Plan,
    jobs: Sequence[PlannedJob],
) -> list[JobView]:
    """Run each job by the launcher in `config`, in the folder that the plan assigns."""
    with read_write(config), read_write(config.hydra), open_dict(config):
        # A launcher may keep its processes from one call to the next, in another working directory.
        absolute = SweepFolder(folder.path.absolute())
        config.hydra.sweep.dir = str(absolute)
        config.hydra.output_subdir = None  # our own files of that kind hold no secrets
    labels = {job.label for job in jobs}
    jobs = [job for job in plan.jobs if job.label in labels]
    frozen = HydraContext(FrozenConfigs(context.config_loader, absolute, jobs), context.callbacks)
    launcher = Plugins.instance().instantiate_launcher(frozen, task, config)
    task.listener.on_start(folder, list(views_of(plan, folder).values()))
    try:
        if jobs:
            overrides = [[*job.config.overrides, f"{_SUBDIR}{quoted(job.label)}"] for job in jobs]
            launcher.launch(overrides, initial_job_idx=0)
    finally:
        views = list(views_of(plan, folder).values())
        write_results(folder, plan, views)
        task.listener.on_end(folder, views)
    return views


def resume_by_hydra(
    choice: LauncherChoice,
    task: SweepTask,
    folder: SweepFolder,
    plan: Plan,
    jobs: Sequence[PlannedJob],
) -> list[JobView]:
    """Run jobs of a frozen plan by the launcher that the plan names."""
    with hydra_ready(task.config_dirs) as hydra:
        try:
            config = hydra.compose_config(CONFIG, [], RunMode.MULTIRUN, with_log_configuration=True)
            with read_write(config), open_dict(config.hydra):
                config.hydra.launcher = choice.settings
                config.hydra.runtime.choices["hydra/launcher"] = choice.option
            context = HydraContext(hydra.config_loader, callbacks_of(config))
        except Exception as error:
            raise explain(error, (), task.config_dirs) from error
        return run_by_hydra(context, task, config, folder, plan, jobs)
