"""Find the user's own modules that a run uses, without importing them."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from sweepboard.compose.locate import TARGET, is_users, nodes
from sweepboard.import_path import import_users_modules

_EXECUTING = {"run_path", "run_module", "spec_from_file_location"}
_IMPORTING = {"import_module", "__import__"}
_REMOTE = "torch.hub.load"


@dataclass(frozen=True)
class UserModules:
    """The user's modules that a run uses."""

    files: Mapping[str, Path]
    """The file of each module by its name."""

    unknown: list[str]
    """Code that cannot be found without running it: `notebook.Net`, `mine (imports by computed names)`."""

    @property
    def digests(self) -> dict[str, str]:
        """A digest of each module."""
        return {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in self.files.items()}


def user_modules(config: Mapping[str, Any]) -> UserModules:
    """Return the user's modules that a target of `config` names, or that such a module imports.

    Modules are parsed and not imported, so that the result is the same in every process. Imports inside
    functions count, also `import_module("name")`. Installed packages are left out: their version is recorded.
    """
    import_users_modules()  # a job of a sweep has imported none of them yet
    targets = [str(node[TARGET]) for key in config for _, node in nodes(config[key], key)]
    unknown = {target for target in targets if _has_no_file(target)}
    found: dict[str, Path] = {}
    waiting = [name for target in targets for name in _prefixes(target)]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name not in found and path is not None:
            found[name] = path
            tree = _parsed(path)
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            waiting += [part for module in _imported(tree, package) for part in _prefixes(module)]
            unknown |= {f"{name} ({why})" for why in _hidden(tree)}
    return UserModules(dict(sorted(found.items())), sorted(unknown))


def _prefixes(path: str) -> list[str]:
    """Return `a`, `a.b` and `a.b.c` for `a.b.c`, since each may be a module."""
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _file(name: str) -> Path | None:
    """Return the file of a user module without importing it, or None."""
    top, *below = name.split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # a script that Python runs has no spec
        return None if below else _own(getattr(sys.modules[top], "__file__", None))
    except ImportError:
        return None
    if spec is not None and spec.origin and not is_users(spec.origin):
        return None
    for depth in range(1, len(below) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return None
        whole = ".".join([top, *below[:depth]])
        spec = PathFinder.find_spec(whole, list(spec.submodule_search_locations))
    return None if spec is None else _own(spec.origin)


def _own(file: str | None) -> Path | None:
    return Path(file) if file and Path(file).is_file() and is_users(file) else None


def _has_no_file(target: str) -> bool:
    """Return whether a target is of a module that was made without a file, or is code from elsewhere."""
    top = target.partition(".")[0]
    try:
        find_spec(top)
    except ValueError:
        return _file(top) is None
    except ImportError:
        pass
    return target == _REMOTE


def _parsed(path: Path) -> ast.AST:
    """Return the syntax tree of a module; an empty one of an extension module, and where it has an error."""
    try:
        return ast.parse(path.read_bytes() if path.suffix == ".py" else b"")
    except (SyntaxError, ValueError):
        return ast.parse(b"")


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted names that a module may import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _imported_from(node, package)
        elif isinstance(node, ast.Call):
            yield from _imported_by_call(node, package)


def _imported_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    try:
        module = resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:  # beyond the topmost package
        return
    yield from (f"{module}.{alias.name}" for alias in node.names)


def _imported_by_call(node: ast.Call, package: str) -> Iterator[str]:
    """Yield the module that `import_module("a.b")` or `__import__("a.b")` with a literal name imports."""
    match node.args:
        case [ast.Constant(value=str(name)), *_] if _called(node) in _IMPORTING:
            with suppress(ImportError):  # beyond the topmost package
                yield resolve_name(name, package)


def _hidden(tree: ast.AST) -> Iterator[str]:
    """Yield how a module may run code that is not found by reading it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            literal = bool(node.args) and isinstance(node.args[0], ast.Constant)
            if _called(node) in _IMPORTING and not literal:
                yield "imports by computed names"
            elif _called(node) in _EXECUTING or _is_exec(node.func):
                yield f"runs code by {_called(node)}"


def _is_exec(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == "exec"


def _called(node: ast.Call) -> str:
    """Return the name of the function that is called: `import_module` of `importlib.import_module(...)`."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
