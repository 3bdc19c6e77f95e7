"""A logger for Weights & Biases."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sweepboard.loggers.media_files import MediaFiles
from sweepboard.loggers.run_files import id_of, points_before, require, settings_of

if TYPE_CHECKING:
    from torch import Tensor

    from sweepboard.training.progress import Progress

Mode: TypeAlias = Literal["offline", "online"]


class WandB(MediaFiles):
    """Logs to W&B under the id of the run; `offline` writes into its folder, for `wandb sync` later.

    W&B takes no step twice: of a run that was killed and resumed, it keeps what it was told first. It gets
    from the event files what it had not written then.
    """

    may_fail = True

    def __init__(
        self, project: str = "sweepboard", entity: str | None = None, mode: Mode = "offline"
    ) -> None:
        require("wandb")
        self.project, self.entity, self.mode = project, entity, mode
        self._run: Any = None

    def start(self, progress: Progress) -> None:
        import wandb

        folder = (progress.folder or Path()).absolute()
        self._wandb: Any = wandb
        self._run = wandb.init(
            project=self.project, entity=self.entity, id=id_of(folder), name=folder.name, dir=folder,
            config=settings_of(folder), mode=self.mode, resume="allow",
            settings=wandb.Settings(silent=True, console="off", symlink=False),
        )  # fmt: skip
        if progress.step:  # what an attempt that was killed had not yet written
            for step, scalars in points_before(progress.log_from, folder):
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
        media = self._wandb.Audio(str(path)) if path.suffix == ".wav" else self._wandb.Video(str(path))
        self._run.log({tag: media}, step=step)

    def close(self, status: str) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if status == "finished" else 1)
            self._wandb.teardown()  # waits until its process has written everything
