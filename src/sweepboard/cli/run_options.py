"""Common options of the verbs that take a saved run."""

from __future__ import annotations

import argparse
from pathlib import Path

from sweepboard.cli.chosen_run import RUN
from sweepboard.cli.config_dirs import folder_of_flag
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.compose.override_grammar import with_home


def parser(verb: str, description: str | None, many: bool = False) -> argparse.ArgumentParser:
    """Return a parser for `sweepboard VERB RUN`."""
    made = VerbParser(prog=f"sweepboard {verb}", description=description)
    made.add_argument("run", help=RUN)
    if many:
        made.add_argument("overrides", nargs="*", type=with_home, help="key=value, as for a new run")
        add_config_dir(made)
    made.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAME",
        help="a package or target to build though the run folder is someone else's (may be repeated)",
    )
    return made


def add_config_dir(made: argparse.ArgumentParser) -> None:
    """Add `--config-dir`, for options of the user's own groups."""
    made.add_argument(
        "--config-dir",
        "-cd",
        action="append",
        default=[],
        metavar="DIR",
        help="your own folder of YAML, for its options (may be repeated)",
    )


def config_dirs(options: argparse.Namespace) -> list[Path]:
    """Return the folders given with `--config-dir`."""
    return [folder_of_flag(text) for text in options.config_dir]
