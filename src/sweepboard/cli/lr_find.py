"""`sweepboard lr-find [overrides]`: a learning-rate range test, and the learning rate that it suggests."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sweepboard.cli.command_line import Request, parse
from sweepboard.cli.flags import parse_flags
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
_LOWEST = f"{_ENTRY}.lowest"
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
        print("\nthe loss never fell: look at the data and the model, or begin lower")
        _print_next("lr-find", *_kept(request, [_LOWEST]), f"{_LOWEST}={_lower(request):g}")
        return 1
    print(f"\nsuggested learning rate: {suggestion:g} (lr_find/curve on the board shows the loss over it)")
    _print_next(
        *_kept(request, ["optimizer.lr", *map(key_of, _SHORT), _ENTRY]), f"optimizer.lr={suggestion:g}"
    )
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
    from sweepboard.board.scalar_reader import read_scalars
    from sweepboard.callbacks.lr_finder import SUGGESTION

    found = read_scalars(folder).get(SUGGESTION)
    return None if found is None else float(f"{found.values[-1]:.2g}")


def _print_next(*words: str) -> None:
    print(f"next: {printable(shlex.join([program(), *words]))}")


def _kept(request: Request, replaced: Sequence[str]) -> list[str]:
    """Return the words that were typed, with whole keys, but for overrides of what is `replaced`."""
    whole = dict(zip(parse_flags(request.argv).overrides, request.flags.overrides, strict=True))
    words = ((word, whole.get(word)) for word in request.argv)
    return [taken or word for word, taken in words if taken is None or not _is_of(key_of(taken), replaced)]


def _is_of(key: str, others: Sequence[str]) -> bool:
    return any(key == other or key.startswith(f"{other}.") for other in others)


def _lower(request: Request) -> float:
    """Return a hundredth of the learning rate that the test began with."""
    from sweepboard.callbacks.lr_finder import LOWEST

    values = [one.partition("=")[2] for one in request.overrides if key_of(one) == _LOWEST]
    return float(values[-1] if values else LOWEST) / 100
