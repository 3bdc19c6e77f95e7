"""The conformance suite of the `Logger` contract."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch

from sweepboard.metric_names import SPEED
from sweepboard.testing.callbacks import CallbackSuite, train
from sweepboard.training.callback import Callback
from sweepboard.training.logger import Logger
from sweepboard.training.progress import Progress

Points: TypeAlias = Mapping[str, list[tuple[int, float]]]
"""The steps and values of each tag, in the order in which they are stored."""


class LoggerSuite(CallbackSuite):
    """Subclass it in a class whose name begins with `Test`, and implement `logger` and `points`."""

    @abstractmethod
    def logger(self, folder: Path) -> Logger:
        """Return a new logger for the run in `folder`, as each process that trains the run makes it."""

    @abstractmethod
    def points(self, folder: Path) -> Points:
        """Return the scalars that were logged for the run in `folder`, read as a user reads them."""

    def callback(self, folder: Path) -> Callback:
        return self.logger(folder)

    def result(self, callback: Callback, folder: Path) -> Any:
        """Return the points but those of speed; every step of a tag must be there once."""
        points = self.points(folder)
        for tag, curve in points.items():
            steps = [step for step, _ in curve]
            assert steps == sorted(set(steps)), f"{tag} has the steps {steps}"
        return {tag: list(curve) for tag, curve in points.items() if tag != SPEED}

    def test_it_keeps_the_scalars_of_the_run_and_of_callbacks(self, tmp_path: Path) -> None:
        expected = _Memory()
        train(tmp_path, {"logger": self.logger(tmp_path), "every": _Everything(), "memory": expected})
        points = self.points(tmp_path)
        missing, extra = expected.points.keys() - points.keys(), points.keys() - expected.points.keys()
        assert not missing, f"the tags {sorted(missing)} are missing"
        assert not extra, f"nobody logged the tags {sorted(extra)}"
        for tag, curve in expected.points.items():
            _check_curve(tag, points[tag], curve)

    def test_it_keeps_what_callbacks_log_through_a_kill(self, tmp_path: Path) -> None:
        whole, killed = tmp_path / "whole", tmp_path / "killed"
        train(whole, {"logger": self._made(whole), "every": _Everything()})
        self.train_and_kill(killed, {"logger": self._made(killed), "every": _Everything()})
        train(killed, {"logger": self._made(killed), "every": _Everything()}, resume=True)
        found, expected = self.result(Callback(), killed), self.result(Callback(), whole)
        assert found == expected, f"after a kill: {found}, without one: {expected}"

    def _made(self, folder: Path) -> Logger:
        folder.mkdir(parents=True, exist_ok=True)
        return self.logger(folder)


def _check_curve(tag: str, found: list[tuple[int, float]], logged: list[tuple[int, float]]) -> None:
    steps, expected = ([step for step, _ in curve] for curve in (found, logged))
    assert steps == expected, f"{tag} has the steps {steps}, and was logged at {expected}"
    stored, given = (torch.tensor([float(value) for _, value in curve]) for curve in (found, logged))
    torch.testing.assert_close(stored, given, msg=lambda why: f"{tag} has other values: {why}")


class _Memory(Callback):
    """The points that a logger should have."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[int, float]]] = {}

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        for tag, value in scalars.items():
            self.points.setdefault(tag, []).append((step, value))


class _Everything(Callback):
    """Logs numbers at every update, and one of each kind at validations."""

    def on_update(self, progress: Progress) -> None:
        progress.log.scalars({"suite/step": progress.step})

    def on_validation(self, progress: Progress) -> None:
        log = progress.log
        log.scalars({"suite/validation": progress.val_metrics["loss"]})
        log.image("suite/image", torch.zeros(3, 4, 5))
        log.text("suite/text", "**bold**")
        log.audio("suite/audio", torch.zeros(80), rate=8000)
        log.histogram("suite/histogram", torch.arange(9.0))
        log.mesh("suite/mesh", torch.eye(3), faces=[[0, 1, 2]])
        log.video("suite/video", torch.zeros(2, 4, 5, 3))
