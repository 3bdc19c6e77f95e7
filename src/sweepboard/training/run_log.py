"""What callbacks log: kept until the events of an update are committed, then given to every logger.

So a checkpoint holds, for each update, either all that was logged at it or nothing, and a resumed run logs
every tag once at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from sweepboard.errors import RunFailed
from sweepboard.training.media import (
    Array,
    check_mapping,
    drawn,
    frames_of,
    naming,
    pixels_of,
    points_of,
    samples_of,
    tensor_of,
    text_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

SCALAR = "scalar"


class TagTaken(RunFailed):
    """A tag that two parts of a run log, so that their values could not be told apart."""


class Receivers(Protocol):
    """Who gets what is logged, and whose event is happening."""

    caller: str

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None: ...

    def on_log(self, step: int, kind: str, tag: str, content: Mapping[str, Any]) -> None: ...


class RunLog:
    """Logs for callbacks, at the current update, to every logger of the run.

    A tag belongs to the callback that logged it first, in the kind in which it was logged. At one update the
    first value of a tag counts: a callback may be told twice of an update that a signal came into. Raise
    `TagTaken` for a tag of the runner or of another callback, and `NotLoggable` for a value of another kind
    or shape. What `finish` logs is lost: it comes too late.
    """

    def __init__(self, receivers: Receivers, step: Callable[[], int]) -> None:
        self._receivers, self._step = receivers, step
        self._at = -1  # the step of what is pending, and of the tags that were given to the loggers
        self._pending: dict[str, dict[str, Any]] = {}
        self._given: set[str] = set()
        self._owners: dict[str, list[str]] = {}
        self._of_runner: set[str] = set()

    @property
    def caller(self) -> str:
        """The name of the callback whose event is happening."""
        return self._receivers.caller

    @property
    def owners(self) -> dict[str, str]:
        """The callback of each tag."""
        return {tag: owner for tag, (owner, _) in self._owners.items()}

    def scalars(self, values: Mapping[str, float | Tensor]) -> None:
        """Log one number for each tag."""
        with self._naming("scalars"):
            check_mapping(values)
        for tag, value in values.items():
            with self._naming(tag):
                number = float(value)
            self._add(SCALAR, tag, value=number)

    def image(self, tag: str, picture: Image.Image | Array) -> None:
        """Log a picture of PIL, or an array of bytes or of numbers from 0 to 1.

        Its shape is (height, width), (height, width, channels) or (channels, height, width).
        """
        with self._naming(tag):
            pixels = pixels_of(picture)
        self._add("image", tag, pixels=pixels)

    def figure(self, tag: str, figure: Figure) -> None:
        """Log a figure of matplotlib as a picture. A figure of pyplot is closed."""
        with self._naming(tag):
            pixels = drawn(figure)
        self._add("image", tag, pixels=pixels)

    def text(self, tag: str, markdown: str) -> None:
        """Log a text in markdown."""
        with self._naming(tag):
            text = text_of(markdown)
        self._add("text", tag, markdown=text)

    def audio(self, tag: str, sound: Array, rate: int = 44100) -> None:
        """Log a sound of numbers from -1 to 1, (samples,) or (channels, samples), `rate` in a second."""
        with self._naming(tag):
            samples = samples_of(sound)
        self._add("audio", tag, samples=samples, rate=rate)

    def histogram(self, tag: str, values: Array) -> None:
        """Log the distribution of `values`, of any shape; those that are not finite are left out."""
        with self._naming(tag):
            numbers = tensor_of(values)
        self._add("histogram", tag, values=numbers[numbers.isfinite()])

    def mesh(
        self, tag: str, vertices: Array, faces: Array | None = None, colours: Array | None = None
    ) -> None:
        """Log points (number, 3), or a mesh with `faces` of three vertices each; `colours` from 0 to 255."""
        with self._naming(tag):
            parts = {
                "vertices": points_of(vertices, torch.float32),
                "faces": points_of(faces, torch.int32),
                "colours": points_of(colours, torch.uint8),
            }
        self._add("mesh", tag, **parts)

    def video(self, tag: str, frames: Array, fps: float = 4.0) -> None:
        """Log a film: an array of pictures as `image` takes them, `fps` in a second."""
        with self._naming(tag):
            pictures = frames_of(frames)
        self._add("video", tag, frames=pictures, fps=fps)

    def taken_by_runner(self, tags: Mapping[str, float]) -> None:
        """Reserve the tags that the runner logs itself."""
        if tags.keys() <= self._of_runner:
            return
        self._of_runner |= tags.keys()
        for tag in self._of_runner & self._owners.keys():
            self._refuse(tag, self._owners[tag][0])

    def flush(self, keep_current: bool = False) -> None:
        """Give what is pending to the loggers; with `keep_current`, only that of earlier updates."""
        while self._pending and not (keep_current and self._at == self._step()):
            entries, self._pending = self._pending, {}
            self._given |= entries.keys()
            scalars = {tag: each["value"] for tag, each in entries.items() if each["kind"] == SCALAR}
            if scalars:
                self._receivers.on_scalars(self._at, scalars)
            for tag, each in entries.items():
                if each["kind"] != SCALAR:
                    content = {name: value for name, value in each.items() if name != "kind"}
                    self._receivers.on_log(self._at, each["kind"], tag, content)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to log every tag once at every step."""
        return {
            "at": self._at,
            "pending": self._pending,
            "given": sorted(self._given),
            "owners": self._owners,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._at, self._pending = state["at"], dict(state["pending"])
        self._given, self._owners = set(state["given"]), dict(state["owners"])

    def _add(self, kind: str, tag: str, **content: Any) -> None:
        self._check(kind, tag)
        if self._at != self._step():
            self.flush()
            self._at, self._given = self._step(), set()
        if tag not in self._given:
            self._pending.setdefault(tag, {"kind": kind, **content})

    def _naming(self, tag: str) -> AbstractContextManager[None]:
        return naming(f"{self.caller}: {tag}")

    def _check(self, kind: str, tag: str) -> None:
        caller = self.caller
        if tag in self._of_runner:
            self._refuse(tag, caller)
        owner, logged_as = self._owners.setdefault(tag, [caller, kind])
        if owner != caller:
            raise TagTaken(f"{caller}: {tag} is a tag of {owner}; log under another, such as {_own(caller)}")
        if logged_as != kind:
            raise TagTaken(f"{caller}: {tag} is the tag of a {logged_as}, and cannot be that of a {kind} too")

    def _refuse(self, tag: str, caller: str) -> None:
        raise TagTaken(f"{caller}: {tag} is a tag of the run; log under another, such as {_own(caller)}")


def _own(caller: str) -> str:
    return f"{caller.rpartition('.')[2]}/..."
