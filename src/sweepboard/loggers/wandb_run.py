"""A logger for Weights & Biases."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sweepboard.board.summaries import animated, wav
from sweepboard.errors import ConfigError
from sweepboard.loggers.run_files import id_of, settings_of
from sweepboard.training.logger import Logger

if TYPE_CHECKING:
    from torch import Tensor

    from sweepboard.training.progress import Progress

Mode: TypeAlias = Literal["offline", "online"]


class WandB(Logger):
    """Logs to W&B under the id of the run; `offline` writes into its folder, for `wandb sync` later.

    W&B takes no step twice: of a run that was killed and resumed, it keeps what it was told first.
    """

    may_fail = True

    def __init__(
        self, project: str = "sweepboard", entity: str | None = None, mode: Mode = "offline"
    ) -> None:
        if find_spec("wandb") is None:
            raise ConfigError("loggers: wandb is not installed; pip install 'sweepboard[wandb]'")
        self.project, self.entity, self.mode = project, entity, mode
        self._run: Any = None

    def start(self, progress: Progress) -> None:
        import wandb

        folder = (progress.folder or Path()).absolute()
        self._wandb: Any = wandb
        self._run = wandb.init(
            project=self.project, entity=self.entity, id=id_of(folder), name=folder.name, dir=folder,
            config=settings_of(folder), mode=self.mode, resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
        )  # fmt: skip

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._run.log(dict(scalars), step=step)

    def image(self, step: int, tag: str, pixels: Tensor) -> None:
        self._run.log({tag: self._wandb.Image(pixels.numpy())}, step=step)

    def audio(self, step: int, tag: str, samples: Tensor, rate: int) -> None:
        with NamedTemporaryFile(suffix=".wav") as file:
            file.write(wav(samples, rate))
            file.flush()
            self._run.log({tag: self._wandb.Audio(file.name)}, step=step)

    def histogram(self, step: int, tag: str, values: Tensor) -> None:
        self._run.log({tag: self._wandb.Histogram(values.flatten().float().numpy())}, step=step)

    def video(self, step: int, tag: str, frames: Tensor, fps: float) -> None:
        film = io.BytesIO(animated(frames, fps))
        self._run.log({tag: self._wandb.Video(film, format="gif")}, step=step)

    def close(self, status: str) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if status == "finished" else 1)
            self._wandb.teardown()  # waits until its process has written everything
