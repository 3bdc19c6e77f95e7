"""The reference of commands: what each verb answers to `--help`."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from unittest.mock import patch

from sweepboard.cli import main
from sweepboard.cli.dispatch import VERBS

INTRODUCTION = """# Commands

`sweepboard [VERB] [OVERRIDES...]`. Exit codes: 0 all went well, 1 a run failed or a check did not hold, 2 the
request was wrong and nothing was started, 128 + the number of the signal that interrupted.
"""


def text() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    for verb, description in VERBS.items():
        yield f"## {verb}\n\n{description[0].upper()}{description[1:]}.\n"
        yield f"```text\n{help_of(verb)}\n```\n"


def help_of(verb: str) -> str:
    """Return what `sweepboard VERB --help` prints, at 100 columns."""
    printed = io.StringIO()
    plain = {"COLUMNS": "100", "NO_COLOR": "1"}
    with patch.dict(os.environ, plain), redirect_stdout(printed), suppress(SystemExit):
        main([verb, "--help"])
    return printed.getvalue().strip()
