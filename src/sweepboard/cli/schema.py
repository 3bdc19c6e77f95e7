"""`sweepboard schema [GROUP]`: the JSON schema by which editors complete and check YAML."""

from __future__ import annotations

import argparse

from sweepboard.cli.verb_parser import VerbParser
from sweepboard.files import as_json
from sweepboard.settings.json_schema import SCHEMAS, json_schema

DETAILS = """Write it into a file and name that in the first line of your YAML:
`# yaml-language-server: $schema=trainer.schema.json`. A file in the folder of a group has the schema of that
group; a primary configuration and a preset (`# @package _global_`) have the one without GROUP.
"""


def main(arguments: list[str]) -> int:
    """Print the schema."""
    print(as_json(json_schema(_parser().parse_args(arguments).group)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = VerbParser(prog="sweepboard schema", description=__doc__, epilog=DETAILS)
    parser.add_argument(
        "group", nargs="?", metavar="GROUP", help=f"of the options of a group: {', '.join(SCHEMAS)}"
    )
    return parser
