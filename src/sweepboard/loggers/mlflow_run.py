"""A logger for MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweepboard.errors import ConfigError
from sweepboard.loggers.run_files import id_of, settings_of
from sweepboard.training.logger import Logger

if TYPE_CHECKING:
    from torch import Tensor

    from sweepboard.training.progress import Progress

ID = "sweepboard.id"
STATUSES = {"finished": "FINISHED", "failed": "FAILED"}


class MLflow(Logger):
    """Logs to the MLflow store at `uri`, a folder or a server, as a run of `experiment`.

    A resumed run goes on in the same run of MLflow: points that this has already are not logged again.
    """

    may_fail = True

    def __init__(self, experiment: str = "sweepboard", uri: str = "mlruns") -> None:
        if find_spec("mlflow") is None:
            raise ConfigError("loggers: mlflow is not installed; pip install 'sweepboard[mlflow]'")
        self.experiment, self.uri = experiment, uri
        self._client: Any = None
        self._run = ""
        self._known: dict[str, int] = {}  # the last step of each tag in an earlier attempt

    def start(self, progress: Progress) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        folder = (progress.folder or Path()).absolute()
        client = self._client = MlflowClient(self.uri)
        found = client.get_experiment_by_name(self.experiment)
        home = found.experiment_id if found else client.create_experiment(self.experiment)
        earlier = client.search_runs([home], f"tags.`{ID}` = '{id_of(folder)}'")
        if earlier:
            self._run = earlier[0].info.run_id
            client.update_run(self._run, "RUNNING")
            histories = (client.get_metric_history(self._run, tag) for tag in earlier[0].data.metrics)
            self._known = {points[0].key: max(each.step for each in points) for points in histories}
            return
        self._run = client.create_run(home, run_name=folder.name, tags={ID: id_of(folder)}).info.run_id
        told = settings_of(folder).items()
        client.log_batch(self._run, params=[Param(key, str(value)[:500]) for key, value in told])

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        fresh = [tag for tag in scalars if step > self._known.get(tag, -1)]
        self._client.log_batch(self._run, metrics=[Metric(tag, scalars[tag], now, step) for tag in fresh])

    def image(self, step: int, tag: str, pixels: Tensor) -> None:
        self._client.log_image(self._run, pixels.numpy(), key=tag, step=step)

    def text(self, step: int, tag: str, markdown: str) -> None:
        self._client.log_text(self._run, markdown, f"{tag}/{step}.md")

    def close(self, status: str) -> None:
        if self._run:
            self._client.set_terminated(self._run, STATUSES.get(status, "KILLED"))
