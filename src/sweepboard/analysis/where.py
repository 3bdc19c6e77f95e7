"""Conditions on runs: `--where 'optimizer.lr<0.1 and model==cnn'`, and the one name that `--sort` takes.

The grammar is a small part of Python's, read with `ast` and never given to Python to evaluate: comparisons of
names and constants, joined by `and`, `or`, `not` and parentheses. A name that Python could not spell stands
in quotes on the left: `'learning-rate' < 0.1`, `last('val/top-5') > 0.9`. Beside a number a text is the
number that it spells: other tools log `"1e-3"`.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from sweepboard.analysis.vocabulary import PARTS, BadExpression, Words

Values: TypeAlias = Mapping[str, Any]
"""What is known of one run by the keys that `Words.key` gives; a value it has not got is absent or None."""

Condition: TypeAlias = Callable[[Values], bool]
_Term: TypeAlias = Callable[[Values], Any]
_Compare: TypeAlias = Callable[[Any, Any], bool]


def condition(text: str, words: Words) -> Condition:
    """The condition that `text` says. Raises `BadExpression` in one line.

    A run that lacks a value fulfils no `<`, `>` or `in` of it, and differs from everything but `None`.
    """
    return _condition(_parse(text), words)


def sort_key(text: str, words: Words) -> str:
    """The key of one name: `optimizer.lr`, `val/accuracy`, `last(val/loss)`. Raises `BadExpression`."""
    return _key(_unquoted(_parse(text), words), words)


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadExpression(
            f"cannot read {text!r}: write comparisons such as 'optimizer.lr < 0.1 and model == cnn'"
        ) from None


def _condition(node: ast.expr, words: Words) -> Condition:
    match node:
        case ast.BoolOp(op, parts):
            conditions = [_condition(part, words) for part in parts]
            joined = all if isinstance(op, ast.And) else any
            return lambda values: joined(each(values) for each in conditions)
        case ast.UnaryOp(ast.Not(), part):
            inner = _condition(part, words)
            return lambda values: not inner(values)
        case ast.Compare():
            return _chain(node, words)
        case ast.Constant(bool(constant)):
            return lambda _: constant
        case _:
            key = _key(node, words)
            return lambda values: bool(values.get(key))


def _chain(node: ast.Compare, words: Words) -> Condition:
    """`0.01 <= lr < 0.1` is two comparisons that share a side."""
    sides = pairwise([node.left, *node.comparators])
    links = [_comparison(op, one, other, words) for op, (one, other) in zip(node.ops, sides, strict=True)]
    return lambda values: all(link(values) for link in links)


def _comparison(op: ast.cmpop, left: ast.expr, right: ast.expr, words: Words) -> Condition:
    compare, left = _COMPARE[type(op)], _unquoted(left, words)
    one = _term(left, words, beside_a_name=_is_name(right, words))
    other = _term(right, words, beside_a_name=_is_name(left, words))
    return lambda values: compare(one(values), other(values))


def _term(node: ast.expr, words: Words, beside_a_name: bool) -> _Term:
    match node:
        case ast.List(items) | ast.Tuple(items) | ast.Set(items):
            terms = [_term(item, words, beside_a_name) for item in items]
            return lambda values: [term(values) for term in terms]
        case ast.UnaryOp(ast.USub(), ast.Constant(int(number) | float(number))):
            return lambda _: -number
        case ast.Constant(bool() | int() | float() | str() | None as constant):
            return lambda _: constant
    word = _path(node)
    if word is not None and beside_a_name and not words.knows(word):
        return lambda _: word  # text without quotes: model == cnn
    key = _key(node, words)
    return lambda values: values.get(key)


def _is_name(node: ast.expr, words: Words) -> bool:
    match node:
        case ast.Call():
            return True
        case _:
            word = _path(node)
            return word is not None and words.knows(word)


def _key(node: ast.expr, words: Words) -> str:
    match node:
        case ast.Call(ast.Name(part), [argument], []) if part in PARTS:
            word = _path(_unquoted(argument, words))
        case _:
            part, word = "best", _path(node)
    if word is None:
        raise BadExpression(
            f"{ast.unparse(node)!r} is neither a name nor a comparison of names, numbers and texts"
        )
    return words.key(word, part)


def _unquoted(node: ast.expr, words: Words) -> ast.expr:
    match node:
        case ast.Constant(str(text)) if words.knows(text):
            return ast.Name(text)
        case _:
            return node


def _path(node: ast.expr) -> str | None:
    """`optimizer.lr` and `val/accuracy`, which Python reads as an attribute and a division, as typed."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name):
            return _joined(_path(value), ".", name)
        case ast.BinOp(left, ast.Div(), right):
            return _joined(_path(left), "/", _path(right))
        case _:
            return None


def _joined(left: str | None, separator: str, right: str | None) -> str | None:
    return None if left is None or right is None else f"{left}{separator}{right}"


def as_number(value: Any) -> Any:
    """The number that a text spells; any other value as it is."""
    if not isinstance(value, str) or "_" in value:
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return value if math.isnan(number) else number


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Both, as numbers where only one of them is a text."""
    if isinstance(one, str) == isinstance(other, str):
        return one, other
    return as_number(one), as_number(other)


def _equal(one: Any, other: Any) -> bool:
    return bool(operator.eq(*_alike(one, other)))


def _unequal(one: Any, other: Any) -> bool:
    return not _equal(one, other)


def _ordered(compare: _Compare) -> _Compare:
    def compared(one: Any, other: Any) -> bool:
        try:
            return bool(compare(*_alike(one, other)))
        except TypeError:  # text and number, or no value
            return False

    return compared


def _within(one: Any, other: Any) -> bool:
    """One of a list, or a part of a text."""
    if isinstance(other, str):
        return isinstance(one, str) and one in other
    return isinstance(other, list) and any(_equal(one, each) for each in other)


def _not_within(one: Any, other: Any) -> bool:
    return not _within(one, other)


_COMPARE: dict[type[ast.cmpop], _Compare] = {
    ast.Eq: _equal,
    ast.Is: _equal,
    ast.NotEq: _unequal,
    ast.IsNot: _unequal,
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _within,
    ast.NotIn: _not_within,
}
