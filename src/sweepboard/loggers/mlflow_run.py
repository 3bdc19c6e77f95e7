"""A logger for MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweepboard.loggers.media_files import MediaFiles
from sweepboard.loggers.mlflow_store import begun
from sweepboard.loggers.run_files import require

if TYPE_CHECKING:
    from torch import Tensor

    from sweepboard.training.progress import Progress


class MLflow(MediaFiles):
    """Logs to the MLflow store at `uri`, a folder or a server, as a run of `experiment`.

    A resumed run goes on in the same run of MLflow: points that this has already are not logged again.
    """

    may_fail = True

    def __init__(self, experiment: str = "sweepboard", uri: str = "mlruns") -> None:
        require("mlflow")
        self.experiment, self.uri = experiment, uri
        self._client: Any = None
        self._run = ""
        self._known: dict[str, int] = {}  # the last step of each tag in an earlier attempt

    def start(self, progress: Progress) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        uri = self.uri if ":" in self.uri else str(Path(self.uri).absolute())  # artifacts need the latter
        self._client = MlflowClient(uri)
        self._run, self._known = begun(self._client, self.experiment, (progress.folder or Path()).absolute())

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        fresh = [tag for tag in scalars if step > self._known.get(tag, -1)]
        self._client.log_batch(self._run, metrics=[Metric(tag, scalars[tag], now, step) for tag in fresh])

    def image(self, step: int, tag: str, pixels: Tensor) -> None:
        self._client.log_image(self._run, pixels.numpy(), key=tag, step=step)

    def text(self, step: int, tag: str, markdown: str) -> None:
        self._client.log_text(self._run, markdown, f"{tag}/{step}.md")

    def file(self, _: int, tag: str, path: Path) -> None:
        self._client.log_artifact(self._run, path, tag)

    def close(self, status: str) -> None:
        if self._run:
            self._client.set_terminated(
                self._run, {"finished": "FINISHED", "failed": "FAILED"}.get(status, "KILLED")
            )
