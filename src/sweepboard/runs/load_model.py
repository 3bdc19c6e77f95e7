"""Load the model of a run from its saved configuration and a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweepboard.building.assemble import build_model
from sweepboard.errors import UserError
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.reload import placed_config, refuse_foreign_model
from sweepboard.runs.saved_run import SavedRun, needed_here, read_run, refuse_program
from sweepboard.training.attributes import FROZEN, set_attributes
from sweepboard.training.checkpoint_file import fitting, load_checkpoint
from sweepboard.training.ending import FINISHED
from sweepboard.training.learner_parts import MODEL
from sweepboard.training.loop_state import BestState, LoopState

CHECKPOINTS = ("best", "last")


class NoCheckpoint(UserError):
    """A checkpoint that does not exist or does not fit the model."""


def load_model(run: str | PathLike[str], checkpoint: str = "best", allow: Sequence[str] = ()) -> nn.Module:
    """Return the trained model of a run, given by its folder or as `sweepboard.run` returns it.

    The model is on the CPU, in eval mode.

    `checkpoint` is `best` (by the validation metric) or `last`. Nothing is unpickled. For a run of another
    user, only parts of sweepboard, torch and torchvision and those that `allow` names are built. The
    attribute `class_names` is set to the list of class names in the order of the outputs (empty if they are
    not known), unless the model has an attribute of this name. Raise `NotARun`, `NotAllowed`, `NoCheckpoint`,
    `DamagedCheckpoint`.
    """
    saved = read_run(Path(run))
    refuse_foreign_model(saved, allow)
    model = model_of(saved, checkpoint)[0]
    if not hasattr(model, "class_names"):
        model.class_names = list(saved.record.classes)  # type: ignore[assignment]
    return model


def model_of(saved: SavedRun, checkpoint: str) -> tuple[nn.Module, int]:
    """Return the model in eval mode, and the step of its weights. The run folder is trusted.

    The memory layout is that of training, so that outputs are equal bit for bit.
    """
    refuse_program(saved)
    weights, step = weights_of(saved, checkpoint)
    with (
        needed_here(saved),
        torch.random.fork_rng(devices=[]),
    ):  # initial weights are drawn, and then overwritten
        model = build_model(placed_config(saved))
    load_weights(model, weights, f"{saved.folder}: the {checkpoint} weights")
    if saved.config.settings.trainer.channels_last and any(weight.ndim == 4 for weight in model.parameters()):
        model.to(memory_format=torch.channels_last)
    return model.eval(), step


def changed_attributes(saved: SavedRun, checkpoint: str) -> list[str]:
    """Return the dotted names of the attributes that training changed and that no state dict holds."""
    attributes = weights_of(saved, checkpoint)[0]["attributes"]
    return [
        f"{part}.{key}".removeprefix(f"{MODEL}.")
        for part, values in attributes.items()
        for key in values
        if part.partition(".")[0] == MODEL and not key.endswith(FROZEN)
    ]


def load_weights(model: nn.Module, weights: Mapping[str, Any], name: str) -> None:
    """Load what `weights_of` returned. Raise `NoCheckpoint`, which calls the weights `name`."""
    try:
        model.load_state_dict(weights["model"])
        of_model = {key: value for key, value in weights["attributes"].items() if key.startswith(MODEL)}
        set_attributes({MODEL: model}, of_model)
    except (LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise NoCheckpoint(f"{name} do not fit the model: {reason}") from error


def weights_of(saved: SavedRun, checkpoint: str) -> tuple[Mapping[str, Any], int]:
    """Return what `Learner.model_state()` saved in a checkpoint, and its step.

    Raise `NoCheckpoint`, `ForeignCheckpoint`.
    """
    if checkpoint not in CHECKPOINTS:
        raise NoCheckpoint(f"{checkpoint!r} is no checkpoint of a run; choose from {', '.join(CHECKPOINTS)}")
    path = saved.folder.checkpoints / f"{checkpoint}.pt"
    try:
        state = load_checkpoint(path, saved.record.id)
    except FileNotFoundError:
        raise NoCheckpoint(_missing(saved, checkpoint)) from None
    with fitting(str(path)):
        if checkpoint == "best":
            best = BestState.from_dict(state)
            return {"model": best.model, "attributes": best.attributes}, best.step
        last = LoopState.from_dict(state)
        return {"model": last.model, "attributes": dict(last.learner["attributes"])}, last.step


def _missing(saved: SavedRun, checkpoint: str) -> str:
    folder = saved.folder
    other = "last" if checkpoint == "best" else "best"
    if (folder.checkpoints / f"{other}.pt").exists():
        return f"{folder} has no {checkpoint} checkpoint; it has a {other} one: add --checkpoint {other}"
    if saved.record.status == FINISHED:
        return weights_gone(folder)
    return f"{folder} has no checkpoint; type `sweepboard resume {folder}` to train it"


def weights_gone(folder: RunFolder) -> str:
    """Return the message for a finished run whose checkpoints are missing."""
    return (
        f"{folder} has finished and has no checkpoint to go on from or to load: put it back, or type "
        f"`sweepboard rerun {folder}` to train it anew"
    )
