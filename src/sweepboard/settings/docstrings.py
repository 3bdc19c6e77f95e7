"""Read the docstrings below the fields of a dataclass, which Python itself does not keep."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise


@cache
def field_texts(cls: type) -> dict[str, str]:
    """Return the string below each field of a dataclass, on one line, by the field's name."""
    bases = [base for base in cls.__mro__ if is_dataclass(base)]
    return {name: text for base in reversed(bases) for name, text in _own_texts(base)}


def _own_texts(cls: type) -> Iterator[tuple[str, str]]:
    # Not inspect.getsource(cls): that parses the module again for each class.
    module = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    classes = {node.name: node.body for node in module.body if isinstance(node, ast.ClassDef)}
    for field, text in pairwise(classes[cls.__name__]):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                yield name, " ".join(docstring.split())
