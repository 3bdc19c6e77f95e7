"""Test a saved model on its test set or on other data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from tensorboard.compat.proto.summary_pb2 import Summary

from sweepboard.board.event_writer import TEST_SUFFIX, write_event_file
from sweepboard.building.build import build
from sweepboard.building.prepare import Prepared
from sweepboard.errors import UserError
from sweepboard.files import writing
from sweepboard.runs.load_model import load_weights, weights_of
from sweepboard.runs.lock import only_writer, refuse_links
from sweepboard.runs.record import read_record
from sweepboard.runs.reload import prepare_saved
from sweepboard.runs.saved_run import SavedRun, refuse_program
from sweepboard.training.evaluate import evaluate
from sweepboard.training.torch_flags import torch_flags


class NotATest(UserError):
    """A test with overrides of more than the data, or without a test set that fits the model."""


@dataclass(frozen=True)
class Measured:
    """The result of a test. `prefix` is the first part of its tags: `test_best`, `test_mnist`."""

    prefix: str
    step: int
    metrics: dict[str, float]

    @property
    def tagged(self) -> dict[str, float]:
        """The metrics by their tags on the board."""
        return {f"{self.prefix}/{name}": value for name, value in self.metrics.items()}


def prepare_test(
    saved: SavedRun,
    overrides: Sequence[str] = (),
    allowed: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
) -> Prepared:
    """Return the configuration of the run with other data.

    Raise `NotATest` for other overrides and for data that do not fit the model, and `LinkInFolder`.
    """
    refuse_program(saved)
    refuse_links(saved.folder)
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key.partition(".")[0] not in ("dataset", "device", "threads"):
            raise NotATest(f"{key}: a test changes only the data; `sweepboard rerun` changes the rest")
    prepared = prepare_saved(saved, overrides, allowed, config_dirs, anew=False)
    _refuse_other_shapes(saved, prepared)
    _refuse_other_numbers(saved, prepared)
    return prepared


def _refuse_other_shapes(saved: SavedRun, prepared: Prepared) -> None:
    then, now = saved.config.values["facts"], prepared.config.values["facts"]
    for fact in ("input_shape", "outputs"):
        if then[fact] != now[fact]:
            raise NotATest(
                f"{_data(prepared)} has {fact}={now[fact]}, and the model was trained on {fact}={then[fact]}"
            )


def _refuse_other_numbers(saved: SavedRun, prepared: Prepared) -> None:
    """Raise `NotATest` for data that number the classes differently: every sample would be an error."""
    now = prepared.classes
    for number, name in enumerate(saved.record.classes):
        if name in now and now.index(name) != number:
            raise NotATest(
                f"{_data(prepared)} has {name} as class {now.index(name)}, and the run was trained with it "
                f"as class {number}: the classes are {', '.join(saved.record.classes)}"
            )


def _data(prepared: Prepared) -> str:
    return f"dataset={prepared.config.groups.get('dataset')}"


def measure(saved: SavedRun, prepared: Prepared, checkpoint: str) -> Measured:
    """Evaluate the weights of `checkpoint` on the test set of `prepared`, with its normalisation."""
    weights, step = weights_of(saved, checkpoint)
    experiment = build(prepared)
    if experiment.data.test is None:
        raise NotATest(f"{_data(prepared)} has no test set; give another with dataset=...")
    load_weights(experiment.learner.model, weights, f"{saved.folder}: the {checkpoint} weights")
    batches = islice(experiment.data.test.epoch(0), experiment.trainer.limit_test_batches)
    with torch.random.fork_rng(devices=[]), torch_flags(experiment.trainer):
        metrics = evaluate(experiment.learner, batches)
    other = experiment.data.fingerprint != saved.record.data_fingerprint
    return Measured(_prefix(prepared, other, checkpoint), step, metrics)


def enter(saved: SavedRun, measured: Measured) -> None:
    """Write the result to the record and the board of the run. Raise `NotWritable`.

    Tags that the board already has are not logged again: a run tests its last and its best weights itself.
    """
    with only_writer(saved.folder), writing(saved.folder.path):
        record = read_record(saved.folder)
        known = {tag for entry in record.tests if entry["step"] == measured.step for tag in entry}
        if measured.step in (record.step, record.best_step):
            known |= record.metrics.keys()
        fresh = {tag: value for tag, value in measured.tagged.items() if tag not in known}
        record.metrics |= measured.tagged
        record.tests.append({"when": time.time(), "step": measured.step} | measured.tagged)
        record.write(saved.folder)
        if fresh:
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in fresh.items()]
            write_event_file(saved.folder.path, TEST_SUFFIX, [Summary(value=values)], measured.step)


def _prefix(prepared: Prepared, other: bool, checkpoint: str) -> str:
    """Return `test`, with the name of other data and of the best weights appended."""
    data = f"_{prepared.config.groups.get('dataset', 'other')}" if other else ""
    return f"test{data}" + ("_best" if checkpoint == "best" else "")
