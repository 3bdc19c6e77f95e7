"""Parse Hydra's flags: at any place of the command line, several folders, and a one-line error."""

from __future__ import annotations

import argparse
from collections.abc import Container, Sequence
from typing import NoReturn

from sweepboard.cli.verb_parser import nearest_flag
from sweepboard.compat.hydra import hydras_flags
from sweepboard.compat.python import flags_of
from sweepboard.compose.validate import setting_like
from sweepboard.errors import ConfigError


def parse_flags(argv: Sequence[str]) -> argparse.Namespace:
    """Return Hydra's flags and the overrides. Raise `ConfigError` for an argument that is neither."""
    parser = flag_parser()
    _refuse_unknown(argv, parser)
    flags = parser.parse_intermixed_args(argv)
    for name, given in {"--resolve": flags.resolve, "--package": flags.package}.items():
        if given and not flags.cfg:
            raise ConfigError(f"{name}: is of --cfg; add --cfg=job")
    return flags


class _FlagParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message.removeprefix('argument ')}; sweepboard --hydra-help lists all flags")


def flag_parser() -> argparse.ArgumentParser:
    """Return Hydra's parser; `--config-dir` may be given several times."""
    parser = _FlagParser(
        parents=[hydras_flags()], add_help=False, allow_abbrev=False, conflict_handler="resolve"
    )
    parser.add_argument(
        "--config-dir", "-cd", action="append", default=[], help="a folder of your own YAML (may be repeated)"
    )
    return parser


def _refuse_unknown(argv: Sequence[str], parser: argparse.ArgumentParser) -> None:
    known = flags_of(parser)
    for word, after in zip(argv, [*argv, ""][1:], strict=True):
        flag = word.partition("=")[0]
        if word.startswith("-") and flag not in known and not _joined(word, known):
            raise ConfigError(f"{word}: {_meant(word, after, known)}")


def _joined(word: str, flags: Container[str]) -> bool:
    """Return whether a short flag is joined with its value, as in `-cjob`."""
    return word[:2] in flags and word[2:] in ("job", "hydra", "all")


def _meant(word: str, after: str, flags: list[str]) -> str:
    key, equals, value = word.lstrip("-").partition("=")
    if not equals and "=" not in after and not after.startswith("-"):
        value = after
    flag = nearest_flag(key, flags)
    setting = key if "." in key or "/" in key else setting_like(key.replace("-", "_"))
    if setting and value and not (flag and word.startswith("--con")):
        return f"an override has no dashes; type {setting}={value}"
    hint = f"did you mean {flag}?" if flag else "sweepboard --help lists flags and settings"
    return f"there is no such flag; {hint}"
