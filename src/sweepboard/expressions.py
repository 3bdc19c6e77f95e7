"""Conditions on named values: one grammar for `--where`, `--sort` and `sweep.filter`.

It is a small subset of Python, parsed with `ast` and never evaluated by Python: names, constants, lists,
arithmetic, and comparisons joined by `and`, `or`, `not` and parentheses. A text compared with a name needs no
quotes (`model == cnn`); a name that is no Python name is quoted on the left (`'learning-rate' < 0.1`). A text
that spells a number equals that number: other tools log `"1e-3"`.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

from sweepboard.errors import UserError

EXAMPLE = "optimizer.lr < 0.1 and model == cnn"

Values: TypeAlias = Mapping[str, Any]
"""Values by the keys that `Names.key` returns; a missing value is absent or None."""

_Term: TypeAlias = Callable[[Values], Any]


class BadExpression(UserError):
    """An expression that cannot be parsed, or has an unknown name."""


class Names(Protocol):
    """The names that an expression may use."""

    @property
    def parts(self) -> Collection[str]:
        """Functions of one name: `last` in `last(val/loss)`."""

    def knows(self, name: str) -> bool:
        """Return whether `name` is one of them. Raise `BadExpression` if it is ambiguous."""

    def key(self, name: str, part: str | None = None) -> str:
        """Return the key of a name's value, or of a part of it. Raise `BadExpression` for an unknown name."""


@dataclass(frozen=True)
class Expression:
    """A condition or a name as typed, for any names. Raise `BadExpression` if `text` cannot be parsed."""

    text: str

    def __post_init__(self) -> None:
        _parse(self.text)

    def condition(self, names: Names, strict: bool = False) -> Callable[[Values], bool]:
        """Return the condition on values. Raise `BadExpression` in one line.

        A missing value fulfils no `<`, `>` or `in`, and differs from everything but `None`. Values that
        cannot be ordered or computed with are no match or, if `strict`, raise `BadExpression`.
        """
        return _Reader(names, strict).truth(_parse(self.text))

    def name(self, names: Names) -> str:
        """Return the key of a single name: `val/accuracy`, `last(val/loss)`."""
        return _Reader(names, strict=False).key(_parse(self.text))


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadExpression(f"cannot read {text!r}: write comparisons such as {EXAMPLE!r}") from None


@dataclass(frozen=True)
class _Reader:
    """Convert the syntax tree to functions of the values."""

    names: Names
    strict: bool

    def truth(self, node: ast.expr) -> Callable[[Values], bool]:
        match node:
            case ast.BoolOp(op, parts):
                conditions = [self.truth(part) for part in parts]
                joined = all if isinstance(op, ast.And) else any
                return lambda values: joined(each(values) for each in conditions)
            case ast.UnaryOp(ast.Not(), part):
                inner = self.truth(part)
                return lambda values: not inner(values)
            case ast.Compare():
                return self._comparisons(node)
        return self._boolean(node)

    def key(self, node: ast.expr) -> str:
        part: str | None = None
        match self._without_quotes(node):
            case ast.Call(ast.Name(function), [argument], []) if function in self.names.parts:
                part, path = function, _path(self._without_quotes(argument))
            case other:
                path = _path(other)
        if path is None:
            raise _not_understood(node)
        return self.names.key(path, part)

    def _boolean(self, node: ast.expr) -> Callable[[Values], bool]:
        """Return a boolean value; a number or a list would always be true."""
        mistake = BadExpression(f"{ast.unparse(node)!r} is no comparison; write it as {EXAMPLE!r}")
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            raise mistake
        term = self._term(node)

        def holds(values: Values) -> bool:
            value = term(values)
            if isinstance(value, bool) or (value is None and not self.strict):
                return bool(value)
            raise mistake

        return holds

    def _comparisons(self, node: ast.Compare) -> Callable[[Values], bool]:
        """Return `0.01 <= lr < 0.1` as two comparisons with a common side."""
        sides = pairwise([node.left, *node.comparators])
        links = [self._comparison(op, *pair) for op, pair in zip(node.ops, sides, strict=True)]
        return lambda values: all(link(values) for link in links)

    def _comparison(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Callable[[Values], bool]:
        compare, left = _COMPARE[type(op)], self._without_quotes(left)
        one = self._term(left, beside_a_name=self._is_name(right))
        other = self._term(right, beside_a_name=self._is_name(left))
        return self._guarded(lambda values: compare(one(values), other(values)), False)

    def _term(self, node: ast.expr, beside_a_name: bool = False) -> _Term:
        match node:
            case ast.List(items) | ast.Tuple(items) | ast.Set(items):
                terms = [self._term(item, beside_a_name) for item in items]
                return lambda values: [term(values) for term in terms]
            case ast.Constant(bool() | int() | float() | str() | None as constant):
                return lambda _: constant
            case ast.UnaryOp(op, operand) if type(op) in _UNARY:
                unary, inner = _UNARY[type(op)], self._term(operand)
                return self._guarded(lambda values: unary(inner(values)), None)
            case ast.BinOp(left, op, right) if type(op) in _BINARY and not self._is_path(node):
                binary, one, other = _BINARY[type(op)], self._term(left), self._term(right)
                return self._guarded(lambda values: binary(one(values), other(values)), None)
        path = _path(node)
        if path is not None and beside_a_name and not self.names.knows(path):
            return lambda _: path  # a text without quotes: model == cnn
        key = self.key(node)
        return lambda values: values.get(key)

    def _guarded(self, compute: _Term, otherwise: Any) -> _Term:
        def computed(values: Values) -> Any:
            try:
                return compute(values)
            except (TypeError, ArithmeticError) as error:
                if self.strict:
                    raise BadExpression(str(error)) from error
                return otherwise

        return computed

    def _is_path(self, node: ast.BinOp) -> bool:
        """Return whether `val/accuracy` is a name, not a division of known names."""
        path = _path(node)
        return path is not None and (self.names.knows(path) or not all(map(self._is_name, _operands(node))))

    def _is_name(self, node: ast.expr) -> bool:
        match node:
            case ast.Call():
                return True
            case ast.BinOp():
                return self._knows(node) or any(map(self._is_name, _operands(node)))
            case _:
                return self._knows(node)

    def _knows(self, node: ast.expr) -> bool:
        path = _path(node)
        return path is not None and self.names.knows(path)

    def _without_quotes(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(str(text)) if self.names.knows(text):
                return ast.Name(text)
        return node


def _operands(node: ast.BinOp) -> tuple[ast.expr, ast.expr]:
    return node.left, node.right


def _not_understood(node: ast.expr) -> BadExpression:
    return BadExpression(f"{ast.unparse(node)!r} is not understood; write comparisons such as {EXAMPLE!r}")


def _path(node: ast.expr) -> str | None:
    """Return a name that Python parses as an attribute or a division: `optimizer.lr`, `val/accuracy`."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name):
            return _joined(_path(value), ".", name)
        case ast.BinOp(left, ast.Div(), right):
            return _joined(_path(left), "/", _path(right))
    return None


def _joined(left: str | None, separator: str, right: str | None) -> str | None:
    return None if left is None or right is None else f"{left}{separator}{right}"


def as_number(value: Any) -> Any:
    """Return the number of a numeric text; any other value unchanged."""
    if not isinstance(value, str) or "_" in value:
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return value if math.isnan(number) else number


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Return both values, as numbers if only one of them is a text."""
    if isinstance(one, str) == isinstance(other, str):
        return one, other
    return as_number(one), as_number(other)


def _equal(one: Any, other: Any) -> bool:
    return bool(operator.eq(*_alike(one, other)))


def _within(one: Any, other: Any) -> bool:
    """Return whether a value is an element of a list or a part of a text."""
    if isinstance(other, str):
        return isinstance(one, str) and one in other
    return isinstance(other, list) and any(_equal(one, each) for each in other)


def _ordered(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    return lambda one, other: bool(compare(*_alike(one, other)))


_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: _equal,
    ast.Is: _equal,
    ast.NotEq: lambda one, other: not _equal(one, other),
    ast.IsNot: lambda one, other: not _equal(one, other),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _within,
    ast.NotIn: lambda one, other: not _within(one, other),
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
