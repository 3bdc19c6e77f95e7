"""Values against annotations and signatures."""

# ruff: noqa: E501, UP007, UP045 - signatures are all that is looked at, in every spelling there is

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass
from typing import Any, Literal, Optional, Union

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sweepboard.compose.call_checks import check_call, takes
from sweepboard.compose.type_checks import fits, wanted
from sweepboard.errors import ConfigError
from sweepboard.formatting import yaml_text

FITS: list[tuple[Any, Any]] = [
    (1, int), (1, float), (1.5, float), (True, bool), ("a", str), (None, None), (None, int | None),
    (None, Optional[int]), ([1, 2], list[int]), ([1, 2], tuple[int, int]), ([1, 2, 3], tuple[int, ...]),
    ([], abc.Sequence[int]), ([1], list), ([[1], [2]], list[list[int]]), ("ab", abc.Iterable[str]),
    ({"a": 1}, dict[str, int]), ({"_target_": "x"}, float), ({"_target_": "x"}, torch.nn.Module),
    ("mean", Literal["mean", "sum"]), (0.1, float | torch.Tensor), ("cuda", torch.device), (3, complex),
    ([1, 2.5], torch.Tensor), ([[1], [2]], Optional[torch.Tensor]), ("anything", Any), (3, "unevaluated"), (3, torch.optim.Optimizer), (1, Union[int, str]),
]  # fmt: skip
MISSES: list[tuple[Any, Any, str]] = [
    ("1", int, "an integer"), (1.0, int, "an integer"), (True, int, "an integer"), ("1", float, "a number"),
    (True, float, "a number"), (1, bool, "true or false"), (1, str, "a text"), (None, float, "a number"),
    (1, list[int], "a list, each an integer"), ("ab", list[str], "a list, each a text"),
    ([1, "a"], abc.Sequence[int], "a list, each an integer"), ([1], tuple[int, int], "a list of 2, each an integer"),
    ([1], dict, "a mapping"), ({"a": 1}, list, "a list"), ({"a": 1}, float, "a number"),
    ("max", Literal["mean", "sum"], "mean or sum"), ("a", int | None, "an integer or null"),
    ("a", float | torch.Tensor, "a number or Tensor"), ([0.1], float | torch.Tensor, "a number or Tensor"), (3, torch.Tensor, "a list of numbers"),
    ([1, "a"], torch.Tensor | None, "a list of numbers or null"), ([True], torch.Tensor, "a list of numbers"), (3, torch.nn.Module, "Module"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "annotation"), FITS)
def test_what_fits(value: Any, annotation: Any) -> None:
    assert fits(value, annotation)


@pytest.mark.parametrize(("value", "annotation", "words"), MISSES)
def test_what_does_not_fit_and_what_to_say(value: Any, annotation: Any, words: str) -> None:
    assert not fits(value, annotation)
    assert wanted(annotation) == words


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KINDS = st.sampled_from([int, float, str, bool, None, list, dict, list[int], tuple[float, str], Any, object])


@given(PLAIN, st.lists(KINDS, min_size=1, max_size=3))
def test_a_union_takes_what_one_of_it_takes(value: Any, kinds: list[Any]) -> None:
    assert fits(value, Union[tuple(kinds)]) == any(fits(value, kind) for kind in kinds)
    assert "\n" not in wanted(Union[tuple(kinds)])


@given(PLAIN)
def test_a_value_is_shown_short(value: Any) -> None:
    assert 0 < len(yaml_text(value)) <= 60


def check(target: Any, **arguments: Any) -> None:
    check_call(target, {"_target_": "the.class", **arguments}, "key", 0, ())


def test_signatures_of_all_kinds() -> None:
    check(lambda **anything: None, any=1)
    check(lambda a, b=1: None, a=1)
    check(lambda a, b: None, _args_=[1, 2])
    check(lambda *many: None, _args_=[1, 2, 3])
    check(lambda a, b: None, _partial_=True, a=1)
    check(max, anything=1)  # a builtin that does not tell its signature
    check(torch.nn.Linear, in_features=1, out_features=2)
    assert takes(lambda a, **rest: None, "a")
    assert not takes(lambda a, **rest: None, "b")


@pytest.mark.parametrize(
    "words",
    [
        {"_recursive_": False, "layer": {"_target_": "torch.nn.ReLU"}},
        {"_convert_": "all", "layer": [1, {"a": 2}]},
        {"_convert_": "partial", "_partial_": True},
    ],
)
def test_words_of_instantiate_are_no_arguments(words: dict[str, Any]) -> None:
    check(lambda layer=None: None, **words)


@dataclass
class Configuration:
    """As those of transformers, whose `__init__` passes on what it does not know."""

    width: int = 1

    def __post_init__(self, **others: Any) -> None:
        vars(self).update(others)


def test_a_dataclass_that_keeps_other_arguments_takes_any() -> None:
    check(Configuration, width=2, num_labels=3)
    assert not takes(Configuration, "num_labels")
    with pytest.raises(ConfigError, match=r"key\.width: needs an integer"):
        check(Configuration, width="wide", num_labels=3)


@pytest.mark.parametrize(
    ("target", "arguments", "line"),
    [
        (lambda a: None, {}, "key.a: the.class needs this argument; type key.a=..."),
        (lambda a, /: None, {"a": 1}, "key.a: the.class has no such argument; it takes none"),
        (lambda a: None, {"_args_": [1], "a": 2}, "key.a: given by sweepboard itself; leave it out"),
        (lambda a: None, {"_args_": [1, 2]}, "key: the.class takes 1 arguments in order, but gets 2"),
        (lambda *, width: None, {"width": 1, "wdth": 2}, "key.wdth: the.class has no such argument; did you mean key.width?"),
        (lambda one, two: None, {"xyz": 2}, "key.xyz: the.class has no such argument; it takes one, two"),
        (lambda: None, {"xyz": 2}, "key.xyz: the.class has no such argument; it takes none"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_bind(target: Any, arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check(target, **arguments)
    assert str(raised.value) == line
