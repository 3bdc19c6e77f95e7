"""Digests of the user's own modules that a run uses, found without importing them."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from sweepboard.compose.locate import TARGET, is_users, nodes


def sources(config: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest of each user module that a target of `config` names, or that such a module imports.

    Modules are parsed and not imported, so that the result is the same in every process. Imports inside
    functions count, also `import_module("name")`. Installed packages are left out: their version is recorded.
    """
    found: dict[str, str] = {}
    waiting = [name for key in config for _, node in nodes(config[key], key) for name in _modules(node)]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name not in found and path is not None:
            content = path.read_bytes()
            found[name] = hashlib.sha256(content).hexdigest()[:16]
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            waiting += [part for module in _imported(content, package) for part in _prefixes(module)]
    return dict(sorted(found.items()))


def _modules(node: Mapping[str, Any]) -> list[str]:
    return _prefixes(str(node[TARGET]))


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
        return None if below else _own(Path(getattr(sys.modules[top], "__file__", None) or ""))
    except ImportError:
        return None
    if spec is None:
        return None
    if not below:
        return _own(Path(spec.origin)) if spec.origin else None
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *below)
        if found := _own(path / "__init__.py") or _own(path.with_name(f"{path.name}.py")):
            return found
    return None


def _own(path: Path) -> Path | None:
    return path if path.suffix == ".py" and path.is_file() and is_users(str(path)) else None


def _imported(content: bytes, package: str) -> Iterator[str]:
    """Yield the dotted names that a module may import."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
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
    match node:
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            with suppress(ImportError):  # beyond the topmost package
                yield resolve_name(name, package)
