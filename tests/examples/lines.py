"""Lines of code and YAML of an example, and of the same for another library."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.examples.example import FOLDER

ELSEWHERE = FOLDER.parent / "benchmarks" / "baselines" / "examples"
"""The same tasks for other libraries: `<example>_in_<library>.py`."""

NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


def elsewhere(name: str) -> Path:
    """The script for another library that does what an example does."""
    [script] = ELSEWHERE.glob(f"{name}_in_*.py")
    return script


def ours(name: str) -> tuple[int, int]:
    """The lines of Python and of YAML of an example."""
    folder = FOLDER / name
    python = (len(code_lines(path.read_text())) for path in folder.rglob("*.py"))
    return sum(python), yaml_lines(folder)


def theirs(name: str) -> int:
    """The lines of the script, of all that it imports from files beside it, and of the YAML that it reads."""
    text = elsewhere(name).read_text()
    read = yaml_lines(FOLDER / name) if "config_path" in text else 0
    return len(code_lines(text)) + read + sum(imported_lines(name, text))


def yaml_lines(folder: Path) -> int:
    lines = (line.strip() for path in folder.rglob("*.yaml") for line in path.read_text().splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def code_lines(text: str) -> set[int]:
    """The numbers of the lines of a module that are neither blank nor comments nor docstrings."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {
        line
        for token in tokens
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return lines - set(docstring_lines(ast.parse(text)))


def docstring_lines(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            yield from lines_of(node.body[0])


def imported_lines(name: str, text: str) -> Iterator[int]:
    """The lines of what a script takes from each file of the example, or from one that scripts share."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            for path in (FOLDER / name / f"{node.module}.py", ELSEWHERE / f"{node.module}.py"):
                if path.is_file():
                    yield definition_lines(path.read_text(), {alias.name for alias in node.names})


def definition_lines(text: str, names: set[str]) -> int:
    """The lines of these definitions of a module, and of those at its top that they use."""
    definitions = {name: node for node in ast.parse(text).body for name in defined(node)}
    wanted, used = [*names], set[str]()
    while wanted:
        used.add(name := wanted.pop())
        uses = {node.id for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)}
        wanted += (uses & definitions.keys()) - used
    lines = {line for name in used for line in lines_of(definitions[name])}
    return len(code_lines(text) & lines)


def defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def lines_of(node: ast.stmt) -> range:
    decorators = getattr(node, "decorator_list", [])
    return range(min([node.lineno, *(each.lineno for each in decorators)]), (node.end_lineno or 0) + 1)
