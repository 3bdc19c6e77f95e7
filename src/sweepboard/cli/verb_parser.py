"""The parser of a verb's arguments: a mistake is one line, as everywhere else."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import NoReturn

from sweepboard.compat.python import arguments_of_any_number, flags_of
from sweepboard.errors import ConfigError, nearest

_UNKNOWN, _MISSING = "unrecognized arguments: ", "the following arguments are required: "


class VerbParser(argparse.ArgumentParser):
    """A parser that raises `ConfigError` for a mistake, where argparse prints its usage."""

    def error(self, message: str) -> NoReturn:
        """Raise `ConfigError` with the verb and what to type."""
        verb = self.prog.removeprefix("sweepboard ").removesuffix(" --")
        told = self._told(message)
        advice = "" if told.endswith("?") else f"; `sweepboard {verb} --help` says what it takes"
        raise ConfigError(f"{verb}: {told}{advice}")

    def _told(self, message: str) -> str:
        if message.startswith(_UNKNOWN):
            return self._unknown(message.removeprefix(_UNKNOWN).split()[0])
        if message.startswith(_MISSING):
            return self._missing(message.removeprefix(_MISSING).split(", "))
        return message.removeprefix("argument ")

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word} is one argument too many"
        flag = nearest_flag(word, flags_of(self))
        return f"there is no flag {word}" + (f"; did you mean {flag}?" if flag else "")

    def _missing(self, names: Iterable[str]) -> str:
        """Return which arguments are missing; argparse also names those of which there may be none."""
        needed = [name.upper() for name in names if name not in arguments_of_any_number(self)]
        return f"{' and '.join(needed)} {'is' if len(needed) == 1 else 'are'} missing"


def nearest_flag(word: str, flags: Iterable[str]) -> str | None:
    """Return the long flag most similar to `word`, or None if none is similar enough."""
    names = {flag.lstrip("-"): flag for flag in flags if flag.startswith("--")}
    found = nearest(word.lstrip("-").partition("=")[0], names)
    return None if found is None else names[found]
