"""`sweepboard.run(...)` and `sweepboard.sweep(...)`: the commands, called from Python."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweepboard.analysis.api import Result, Results, load_run, load_runs
from sweepboard.cli.command_line import Request, parse
from sweepboard.cli.dispatch import VERBS
from sweepboard.errors import UserError


def run(*overrides: str, config_dir: str | Path | None = None) -> Result:
    """Train one run in this process, as `sweepboard [overrides]` does, and return it.

    Args:
        overrides: overrides in Hydra's grammar: `"optimizer.lr=0.1"`, `"model=mlp"`.
        config_dir: a folder of YAML of your own, as `--config-dir`.

    The weights are a function of the configuration alone. Random seeds and torch's number of threads stay as
    the run has set them.

    Raise `sweepboard.errors.UserError` for a mistake in the configuration, before any work; KeyboardInterrupt
    for Ctrl-C, after a checkpoint; and any exception of the model or the data.
    """
    from sweepboard.cli.train import train

    with _as_a_call():
        return load_run(train(_request(overrides, config_dir)))


def sweep(*overrides: str, config_dir: str | Path | None = None) -> Results:
    """Run a sweep, as `sweepboard -m [overrides]` does, and return its runs, including failed ones.

    Args:
        overrides: overrides in Hydra's grammar, some with several values: `"optimizer.lr=0.1,0.01"`.
        config_dir: a folder of YAML of your own, as `--config-dir`.

    Each job has a process of its own. Raise `sweepboard.errors.UserError` for a mistake in any of its points,
    before any work.
    """
    from sweepboard.cli.sweep import sweep_result

    with _as_a_call():
        result = sweep_result(_request(overrides, config_dir, "--multirun"))
    if result.folder is None:
        raise UserError("sweepboard.sweep: another tool's sweeper ran the jobs; read them with load_runs")
    return load_runs(result.folder.path)


run.__module__ = sweep.__module__ = "sweepboard"  # their public names


def _request(overrides: tuple[str, ...], config_dir: str | Path | None, *flags: str) -> Request:
    for override in overrides:
        if not isinstance(override, str) or override.startswith("-") or override in VERBS:
            raise UserError(f"{override!r} is no override; give texts such as 'optimizer.lr=0.1'")
    where = [] if config_dir is None else ["--config-dir", str(config_dir)]
    return parse([*where, *flags, *overrides])


@contextmanager
def _as_a_call() -> Iterator[None]:
    """Restore the caller's logging afterwards, and raise KeyboardInterrupt for Ctrl-C as usual in Python."""
    from sweepboard.training.signals import Interrupted

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    except Interrupted as stopped:
        if stopped.signum == signal.SIGINT:
            raise KeyboardInterrupt(str(stopped)) from stopped
        raise
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
