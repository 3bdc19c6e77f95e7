"""The reference of settings, from their fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from sweepboard.formatting import yaml_text
from sweepboard.settings import (
    LAUNCHER,
    PROGRAM,
    SEARCH,
    ParameterGroupSettings,
    ProgramSettings,
    RaySettings,
    SearchSettings,
    Setting,
    SlurmSettings,
    settings,
    settings_in,
)

INTRODUCTION = """# Settings

Every setting of the runner: `trainer.epochs=10` on the command line, or a line of YAML. The same fields make
`sweepboard --help`, the checks, and the schema for editors (`sweepboard schema`). All other keys of `model`,
`dataset`, `optimizer`, `scheduler` and `task` are arguments of the class that `_target_` names;
[Options](options.md) shows them.

The *effect* says what another value changes: the numbers of a run (`result`), only their last bits
(`rounding`), where the run ends (`length`), time and memory (`speed`), folders and names
(`place`), or the content of the event files (`logging`).
"""
_COLUMNS = "| setting | default | valid | effect | |\n|---|---|---|---|---|"


def text() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    for group, found in groupby(settings().values(), lambda each: each.key.rpartition(".")[0]):
        yield _section(f"`{group}`" if group else "Top level", found)
    yield _section("Groups of parameters: `optimizer.groups.NAME`", settings_in(ParameterGroupSettings))
    yield _section(f"A training function of your own: `{PROGRAM}`", settings_in(ProgramSettings))
    yield _section(f"`hydra/sweeper=optuna`: `{SEARCH}`", settings_in(SearchSettings))
    yield _section(f"`hydra/launcher=slurm`: `{LAUNCHER}`", settings_in(SlurmSettings))
    yield _section(f"`hydra/launcher=ray`: `{LAUNCHER}`", settings_in(RaySettings))


def _section(title: str, found: Iterable[Setting]) -> str:
    return "\n".join([f"\n## {title}\n", _COLUMNS, *map(_row, found), ""])


def _row(each: Setting) -> str:
    cells = [_code(each.name), _code(yaml_text(each.default)), each.rules.valid, each.rules.effect, each.text]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(words: str) -> str:
    return f"`{words}`"
