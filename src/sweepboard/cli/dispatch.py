"""Run the verb of a command, and turn its errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise

from sweepboard.compose.broken_plugin import broken_plugin
from sweepboard.errors import UserError, did_you_mean, naming_open_files
from sweepboard.formatting import printable
from sweepboard.rank_environment import started_rank
from sweepboard.startup import load_torch_ahead, quick_start, quiet_matplotlib

VERBS = {
    "init": "create a project of your own: data, model, task, YAML and tests that run at once",
    "train": "train one run, or with -m a sweep (this verb may be left out)",
    "resume": "continue a run or a sweep that was stopped, to the end it would have had",
    "rerun": "start a new run from a saved configuration, with overrides",
    "verify": "train a run again, and compare every scalar and the weights",
    "test": "evaluate a run's model on the test set or on other data",
    "diff": "show what differs between two runs",
    "export": "write a run's model as safetensors, a torch.export program or ONNX",
    "lr-find": "find a learning rate: a short run in which it rises until the loss diverges",
    "plan": "show the jobs of a sweep, and which are done, without running them",
    "ls": "list the runs of a folder",
    "show": "show status, metrics, configuration and files of a run, and how to continue",
    "logs": "print what a run has printed; -f follows one that is running",
    "tag": "give a run tags, by which ls and compare find it",
    "note": "write down what a run was for",
    "rm": "remove runs or sweeps",
    "gc": "delete spare checkpoints, and runs that failed or saved nothing",
    "compare": "compare runs in a table or a plot",
    "report": "write one HTML page with the table, curves and records of runs",
    "check": "say whether runs can be compared, and if not, why",
    "doctor": "find problems in a log directory, and say how to fix them",
    "schema": "print a JSON schema, with which editors complete and check YAML",
    "board": "start TensorBoard on a folder, and print its address",
}
"""Verbs in the order of `--help`; `main(arguments) -> exit code` is in the module `sweepboard.cli.<verb>`."""

TRAINING = {"train", "resume", "rerun", "verify"}
"""Verbs that train, maybe as one of several ranks."""

QUESTIONS = {"--help", "-h", "--version", "--origin", "--cfg", "-c", "--info", "-i", "--hydra-help",
             "--shell-completion", "-sc"}  # fmt: skip
"""Options with which `train` only prints an answer, and needs no torch."""

WITH_VALUE = {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--allow"}
"""Flags with a value that may precede the verb."""


def run_verb(argv: list[str]) -> int:
    """Run a command and return its exit code."""
    return guarded(lambda: _run_verb(argv))


def _run_verb(argv: list[str]) -> int:
    verb, arguments = split_verb(argv)
    if verb == "train" and QUESTIONS.isdisjoint(word.partition("=")[0] for word in arguments):
        load_torch_ahead()
    if verb == "train" and arguments in (["--help"], ["-h"]):
        verb = "help"  # without Hydra, which takes most of the time
    asks = not QUESTIONS.isdisjoint(word.partition("=")[0] for word in arguments)
    place = started_rank() if verb in TRAINING and not asks else None
    if verb != "help":
        quiet_matplotlib()
    with quick_start():
        if place is None:
            return int(import_module(f"sweepboard.cli.{verb.replace('-', '_')}").main(arguments))
        from sweepboard.cli.rank import run_rank  # imports torch

        return run_rank(place, verb, arguments)


def guarded(command: Callable[[], int]) -> int:
    """Run a command, print the message of its error and what to type next, and return its exit code.

    A `UserError` is one line and its own code; Ctrl-C is 130; a bug is a traceback and 1, and so is a
    `sys.exit` in other people's code.
    """
    try:
        with naming_open_files():
            return command()
    except BrokenPipeError:
        # `sweepboard ls | head`: the reader is gone, and Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except SystemExit as error:
        if _is_ours(error):
            raise
        return _reported(error)
    except (Exception, KeyboardInterrupt) as error:
        return _reported(error)


def _reported(error: BaseException) -> int:
    """Print an error, and below it, on standard output, what is saved and what to type."""
    message, code = _message_of(error)
    print(message, file=sys.stderr, flush=True)
    for line in getattr(error, "advice", ()):
        print(printable(line), flush=True)
    return code


def _message_of(error: BaseException) -> tuple[str, int]:
    """Return what is said of an error, and the exit code."""
    if isinstance(error, UserError):
        return f"sweepboard: {printable(error)}", error.exit_code
    if isinstance(error, SystemExit):
        return f"sweepboard: the code called sys.exit({error.code!r})", 1
    if isinstance(error, KeyboardInterrupt):
        return "sweepboard: interrupted", 130
    if message := broken_plugin(error):
        return f"sweepboard: {printable(message)}", 2
    from sweepboard.tracebacks import users_traceback  # only now: a start would take longer with it

    return printable(users_traceback(error), keep="\n").rstrip("\n"), 1


def _is_ours(error: SystemExit) -> bool:
    """Return whether `error` was raised by our own code, Hydra's, or an argument parser."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    while modules and modules[-1].partition(".")[0] == "argparse":
        modules.pop()
    return bool(modules) and modules[-1].partition(".")[0] in ("sweepboard", "hydra")


def split_verb(argv: list[str]) -> tuple[str, list[str]]:
    """Return the verb and its arguments, including flags before the verb.

    Raise `UserError` if the first word is neither a verb nor an override, or if a verb stands after one.
    """
    index = _first_word(argv)
    first = argv[index] if index < len(argv) else ""
    if first in VERBS:
        return first, [*argv[:index], *argv[index + 1 :]]
    if index == 0 and first.isidentifier():
        raise UserError(f"there is no verb {first!r}{did_you_mean(first, VERBS)}")
    late = [word for before, word in pairwise(argv) if word in VERBS and before not in WITH_VALUE]
    if late:
        raise UserError(f"{late[0]}: a verb stands before all overrides; type `sweepboard {late[0]} ...`")
    return "train", argv


def _first_word(argv: list[str]) -> int:
    """Return the index of the first word that is neither a flag nor a flag's value."""
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        index += 2 if argv[index] in WITH_VALUE else 1
    return index
