"""The condition of `sweep.filter`: a small part of Python's expressions, never given to Python to evaluate.

Dotted names are keys of a job's configuration (`optimizer.lr`) or config groups (`model == 'mlp'`); there are
numbers, texts, lists, arithmetic, comparisons, `in`, `and`, `or`, `not`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from sweepboard.errors import ConfigError


class Condition:
    """A condition on the values of named keys. Raises `ConfigError` where `text` cannot be read."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._root = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self.mistake("cannot be read; write it as 'optimizer.lr < 0.1'") from None
        self.names = set(_names(self._root))
        """The names in it, whose values `holds` is to be given."""

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it holds for these values. Raises `ConfigError` where they cannot be computed with, or say
        neither yes nor no."""
        try:
            return self._truth(self._root, values)
        except (TypeError, ArithmeticError) as error:
            raise self.mistake(str(error)) from error

    def mistake(self, reason: str) -> ConfigError:
        """The error that says what is wrong with it."""
        return ConfigError(f"sweep.filter={self.text}: {reason}")

    def _truth(self, node: ast.expr, values: Mapping[str, Any]) -> bool:
        """What a comparison says; a number or a list would hold whatever it is."""
        value = self._value(node, values)
        if isinstance(value, bool):
            return value
        raise self.mistake(
            f"{ast.unparse(node)!r} is no comparison; write it as 'optimizer.lr < 0.1', "
            "and join several by `and` or `or`"
        )

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(bool() | int() | float() | str() | None as constant):
                return constant
            case ast.Name() | ast.Attribute():
                return values[ast.unparse(node)]
            case ast.List(items) | ast.Tuple(items):
                return [self._value(item, values) for item in items]
            case ast.BoolOp(op, parts):
                parts_hold = (self._truth(part, values) for part in parts)
                return all(parts_hold) if isinstance(op, ast.And) else any(parts_hold)
            case ast.UnaryOp(ast.Not(), operand):
                return not self._truth(operand, values)
            case ast.UnaryOp(op, operand) if type(op) in _UNARY:
                return _UNARY[type(op)](self._value(operand, values))
            case ast.BinOp(left, op, right) if type(op) in _BINARY:
                return _BINARY[type(op)](self._value(left, values), self._value(right, values))
            case ast.Compare(left, ops, others):
                sides = pairwise([self._value(side, values) for side in (left, *others)])
                return all(_COMPARE[type(op)](*pair) for op, pair in zip(ops, sides, strict=True))
        raise self.mistake(f"{ast.unparse(node)!r} is not understood; write it as 'optimizer.lr < 0.1'")


def _names(node: ast.AST) -> list[str]:
    """Every `a.b.c` below `node`, whole."""
    if isinstance(node, ast.Name | ast.Attribute):
        return [ast.unparse(node)]
    return [name for child in ast.iter_child_nodes(node) for name in _names(child)]


_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}
