"""Private names of other libraries stand in `sweepboard/compat`, and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sweepboard

PACKAGE = Path(sweepboard.__file__).parent
COMPAT = PACKAGE / "compat"
MODULES = {"__future__", "_thread", "_typeshed"}
"""Modules that start with an underscore and are documented; the last is for type checkers."""

ATTRIBUTES = {"_exit", "_fields"}
"""Documented, too: of `os`, and of every named tuple."""

REFLECTION = ("getattr", "setattr", "hasattr", "delattr")


def is_private(name: str) -> bool:
    """`_name` and `__name`; not `__name__`, and not `_target_`, which is a key of Hydra's."""
    return name.startswith("_") and not name.endswith("_") and name not in ATTRIBUTES


def private_names(source: str) -> set[str]:
    """The private names that the text of a Python file uses and does not define itself."""
    tree = ast.parse(source)
    own = own_names(tree)
    return {*private_imports(tree), *filter(is_private, attributes(tree))} - own


def private_imports(tree: ast.AST) -> Iterator[str]:
    """Imports of a module or a name that is private, and of Hydra's global state."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] not in MODULES:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if any(map(is_private, name.split("."))) or "GlobalHydra" in name)


def attributes(tree: ast.AST) -> Iterator[str]:
    """Names of attributes, as they are written and as `getattr` is given them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFLECTION:
            yield from (str(each.value) for each in node.args[1:2] if isinstance(each, ast.Constant))


def own_names(tree: ast.AST) -> set[str]:
    """What the file defines: functions, classes, variables, and attributes of `self`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            found.add(node.attr)
    return found


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


@pytest.mark.parametrize(
    "source",
    [
        "import hydra._internal.utils",
        "from hydra._internal.hydra import Hydra",
        "from torch.utils.data.dataloader import _BaseDataLoaderIter",
        "from hydra.core.global_hydra import GlobalHydra",
        "trial._trial_id",
        "optimizer._opt_called = True",
        "getattr(plain, '__dynamo_disable')",
        "class Loader(DataLoader):\n    def get(self):\n        return self._timeout",
    ],
)
def test_a_private_name_is_seen(source: str) -> None:
    assert private_names(source)


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations",
        "config._target_",
        "os._exit(1)",
        "self._a = 1; other._a",
        "a.__dict__",
    ],
)
def test_other_names_are_let_through(source: str) -> None:
    assert not private_names(source)


def test_other_libraries_private_names_are_used_in_compat_only() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.parent != COMPAT]
    found = {str(path): names for path in files if (names := private_names(path.read_text()))}
    assert found == {}, "what uses another library's private name belongs into sweepboard/compat"


@pytest.mark.parametrize("path", sorted(COMPAT.glob("[!_]*.py")), ids=lambda path: str(path.name))
def test_compat_says_from_which_version_and_what_to_do_without(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert re.search(r"[Rr]ead from .*\d", ast.get_docstring(tree) or "")
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for node in public:
        if private_names(ast.unparse(node)) and not is_private(node.name):
            assert re.search(r"[Ww]hen|[Ww]ithout|no public", ast.get_docstring(node) or ""), node.name
