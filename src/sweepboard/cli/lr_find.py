"""`sweepboard lr-find [overrides]`: a learning-rate range test, and the learning rate that it suggests."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sweepboard.cli.command_line import Request, parse
from sweepboard.cli.summary import program
from sweepboard.errors import ConfigError
from sweepboard.formatting import printable
from sweepboard.names import key_of

HELP = """usage: sweepboard lr-find [OVERRIDES...]

Train a short run in which the learning rate rises until the loss diverges. The loss over the learning
rate is on the board of the run, and the command to train with the suggested one is printed. The
overrides are those of a run; a scheduler is left out.

  sweepboard lr-find model=mlp
  sweepboard lr-find trainer.steps=300 callbacks.lr_find.highest=10
"""
_ENTRY = "callbacks.lr_find"
_TARGET = "sweepboard.callbacks.LearningRateFinder"
_SHORT = (
    "trainer.steps=100",
    "trainer.val_every_epochs=null",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
)
"""Overrides of the test; those that the user typed come before."""


def main(arguments: list[str]) -> int:
    """Run the range test and print what to type next."""
    if "--help" in arguments or "-h" in arguments:
        print(HELP, end="")
        return 0
    request = parse(arguments)
    if request.flags.multirun:
        raise ConfigError("lr-find: is one short run; leave out -m")
    from sweepboard.cli.train import train

    folder = train(_of_test(request))
    suggestion = _suggestion(folder)
    if suggestion is None:
        print("\nthe loss never fell: try callbacks.lr_find.lowest=1e-8, or look at the data and the model")
        return 1
    print(f"\nsuggested learning rate: {suggestion:g} (lr_find/curve on the board shows the loss over it)")
    print(f"next: {printable(shlex.join([program(), *_next(request, suggestion)]))}")
    return 0


def _of_test(request: Request) -> Request:
    """Return the request with the range test added to its overrides."""
    typed = {key_of(override) for override in request.overrides}
    defaults = [override for override in _SHORT if key_of(override) not in typed]
    kept = [one for one in request.overrides if key_of(one).partition(".")[0] != "scheduler"]
    test = [f"+{_ENTRY}._target_={_TARGET}", "scheduler=none", *defaults, *kept]
    flags = type(request.flags)(**{**vars(request.flags), "overrides": test})
    return replace(request, flags=flags, argv=["lr-find", *request.argv])


def _suggestion(folder: Path) -> float | None:
    from sweepboard.board.event_reader import read_scalars
    from sweepboard.callbacks.lr_finder import SUGGESTION

    found = read_scalars(folder).get(SUGGESTION)
    return None if found is None else float(f"{found.values[-1]:.2g}")


def _next(request: Request, suggestion: float) -> Sequence[str]:
    """Return the words of the command that trains with the suggested learning rate."""
    of_test = {"optimizer.lr", *map(key_of, _SHORT)}
    typed = set(request.overrides)
    kept = [
        word
        for word in request.argv
        if word not in typed or not (key_of(word) in of_test or key_of(word).startswith(_ENTRY))
    ]
    return [*kept, f"optimizer.lr={suggestion:g}"]
