"""The run of MLflow that belongs to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweepboard.loggers.run_files import id_of, settings_of

ID = "sweepboard.id"


def begun(client: Any, experiment: str, folder: Path) -> tuple[str, dict[str, int]]:
    """Return the id of MLflow's run for the run in `folder`, and the last step of each tag that it has.

    A run that is resumed continues its own; a new one tells its configuration.
    """
    from mlflow.entities import Param

    found = client.get_experiment_by_name(experiment)
    home = found.experiment_id if found else client.create_experiment(experiment)
    for earlier in client.search_runs([home], f"tags.`{ID}` = '{id_of(folder)}'"):
        run = earlier.info.run_id
        client.update_run(run, "RUNNING")
        histories = (client.get_metric_history(run, tag) for tag in earlier.data.metrics)
        return run, {points[0].key: max(each.step for each in points) for points in histories}
    run = client.create_run(home, run_name=folder.name, tags={ID: id_of(folder)}).info.run_id
    told = settings_of(folder).items()
    client.log_batch(run, params=[Param(key, str(value)[:500]) for key, value in told])
    return run, {}
