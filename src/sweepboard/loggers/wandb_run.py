"""A logger for Weights & Biases."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sweepboard.loggers.media_files import MediaFiles
from sweepboard.loggers.run_files import id_of, points_before, require, settings_of

if TYPE_CHECKING:
    from torch import Tensor

    from sweepboard.training.progress import Progress


class WandB(MediaFiles):
    """Logs to W&B under the id of the run; `offline` writes into its folder, for `wandb sync` later.

    W&B takes no step twice: what a killed attempt had not written, it gets from the event files.
    """

    may_fail = True

    def __init__(
        self, project: str = "sweepboard", entity: str | None = None,
        mode: Literal["offline", "online"] = "offline",
    ) -> None:  # fmt: skip
        require("wandb")
        self._place: dict[str, Any] = {"project": project, "entity": entity, "mode": mode}
        self._run: Any = None

    def start(self, progress: Progress) -> None:
        import wandb

        folder = (progress.folder or Path()).absolute()
        self._wandb: Any = wandb
        self._run = wandb.init(
            **self._place, id=id_of(folder), name=folder.name, dir=folder, resume="allow",
            config=settings_of(folder), settings=wandb.Settings(silent=True, console="off", symlink=False),
        )  # fmt: skip
        for step, scalars in points_before(progress.log_from, folder) if progress.step else ():
            self.scalars(step, scalars)

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._run.log(dict(scalars), step=step)

    def image(self, step: int, tag: str, pixels: Tensor) -> None:
        self._run.log({tag: self._wandb.Image(pixels.numpy())}, step=step)

    def text(self, step: int, tag: str, markdown: str) -> None:
        self._run.log({tag: self._wandb.Html(f"<pre>{html.escape(markdown)}</pre>")}, step=step)

    def histogram(self, step: int, tag: str, values: Tensor) -> None:
        self._run.log({tag: self._wandb.Histogram(values.flatten().float().numpy())}, step=step)

    def file(self, step: int, tag: str, path: Path) -> None:
        kind = self._wandb.Audio if path.suffix == ".wav" else self._wandb.Video
        self._run.log({tag: kind(str(path))}, step=step)

    def close(self, status: str) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if status == "finished" else 1)
            self._wandb.teardown()  # waits until its process has written everything
