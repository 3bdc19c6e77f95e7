"""`sweepboard init NAME`: create a project with a data set, a model, a task and tests of its own."""

from __future__ import annotations

import argparse
import keyword
import re
import shlex
import tempfile
from importlib.util import find_spec
from pathlib import Path

from sweepboard.cli.verb_parser import VerbParser
from sweepboard.errors import UserError
from sweepboard.files import writing
from sweepboard.formatting import printable

TEMPLATES = Path(__file__).parent / "project"
"""`project_name` in their paths and texts stands for the name of the project."""

_STAND_IN, _SUFFIX = "project_name", ".template"
_OWN_FOLDERS = ("conf", "tests", "outputs")
_COMMANDS = ("sweepboard --config-dir conf", "python -m pytest")


def main(arguments: list[str]) -> int:
    """Write the project, and print what to type next."""
    folder = Path(_parser().parse_args(arguments).name)
    _refuse_name(folder.name)
    if folder.exists() or folder.is_symlink():
        raise UserError(f"init: {printable(folder)} exists already; give a name that is not taken")
    with writing(folder):
        written = lay_out(folder)
    print(f"{printable(folder)}: {written} files, described in README.md\nnext:")
    for command in (f"cd {shlex.quote(str(folder))}", *_COMMANDS):
        print(f"  {printable(command)}")
    return 0


def lay_out(folder: Path) -> int:
    """Write the project into a new folder, all of it or nothing, and return the number of files."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        unfinished = Path(scratch, folder.name)
        templates = sorted(TEMPLATES.rglob(f"*{_SUFFIX}"))
        for template in templates:
            name = str(template.relative_to(TEMPLATES)).removesuffix(_SUFFIX)
            path = unfinished / name.replace(_STAND_IN, folder.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(template.read_text("utf-8").replace(_STAND_IN, folder.name), "utf-8")
        unfinished.rename(folder)
    return len(templates)


def _refuse_name(name: str) -> None:
    """Raise `UserError` for a name that cannot be that of a new Python package."""
    if keyword.iskeyword(name) or not re.fullmatch(r"[A-Za-z](\w*[A-Za-z0-9])?", name, re.ASCII):
        raise UserError(f"init: {name!r} is no name of a Python package; type sweepboard init {_valid(name)}")
    if name in _OWN_FOLDERS or find_spec(name):
        what = "a folder of every project" if name in _OWN_FOLDERS else "an installed Python module"
        raise UserError(f"init: {name} is {what}; type another name, such as my_{name}")


def _valid(name: str) -> str:
    """Return a valid name that is similar to `name`."""
    words = "_".join(re.findall(r"[A-Za-z0-9]+", name))
    return words if words[:1].isalpha() and not keyword.iskeyword(words) else f"my_{words or 'project'}"


def _parser() -> argparse.ArgumentParser:
    parser = VerbParser(prog="sweepboard init", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="its folder, and the name of its Python package")
    return parser
