"""From Hydra's grammar to a space, and from a value of it back to a word."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweepboard.errors import ConfigError
from sweepboard.search.plan import parsed
from sweepboard.search.search_file import _listed
from sweepboard.search.space import Axis, Choices, Numbers, Space
from sweepboard.sweeps.grid import grid


def axis(word: str) -> Axis:
    return parsed([word])[1].axes[0]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a.b=interval(1,10)", Numbers("a.b", 1.0, 10.0)),
        ("a=int(interval(1,10))", Numbers("a", 1, 10)),
        ("a=tag(log, interval(1e-4,1e-1))", Numbers("a", 1e-4, 1e-1, log=True)),
        ("a=tag(log, int(interval(1,100)))", Numbers("a", 1, 100, log=True)),
        ("a=range(1,10,2)", Numbers("a", 1, 9, 2)),
        ("a=range(5,0,-2)", Numbers("a", 1, 5, 2)),
        ("a=shuffle(range(1,4))", Numbers("a", 1, 3, 1)),
        ("a=range(0.1,0.5,0.1)", Numbers("a", 0.1, 0.4, 0.1)),
        ("a=tag(log, range(1,100))", Numbers("a", 1, 99, log=True)),
        ("+a=null,1", Choices("+a", ("null", "1"))),
        ("model=choice(cnn,mlp,cnn)", Choices("model", ("cnn", "mlp"))),
        ("a=shuffle(b,c,a)", Choices("a", ("a", "b", "c"))),
        ("a=[64,32],[128]", Choices("a", ("[64,32]", "[128]"))),
        ("a='x y','x,y'", Choices("a", ("'x y'", "'x,y'"))),
    ],
)
def test_all_of_hydras_grammar(word: str, expected: Axis) -> None:
    assert axis(word) == expected
    space = Space((expected,))
    assert Space.from_plain([_listed(vars(expected))]) == space
    for words in space.corners():  # what a trial is given reads as one value
        assert parsed([*words, "other=1,2"])[0] == words


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("a=interval(10,1)", "a: 10.0..1.0 has no values; give the lower end first"),
        ("a=tag(log, interval(0,1))", "a: a log scale has no 0.0; begin above 0"),
        ("a=tag(log, range(1,9,2))", "a: a log scale has no steps; use tag(log, interval(...))"),
        (
            "a=tag(lgo, interval(1,2))",
            "a=tag(lgo, interval(1,2)): the one tag is log, of an interval or a range",
        ),
        (
            "a=interval(1,2),3",
            "a=interval(1,2),3: a range, an interval, a choice and a glob are none of several values; list "
            "all values, as a=1,2,3, or type one of these alone",
        ),
        ("a=range(1,1)", "a=range(1,1): has no values to choose from"),
        (
            "a=1",
            "there is nothing to search: give a key an interval, "
            "as 'optimizer.lr=tag(log, interval(1e-4, 1e-1))'",
        ),
    ],
)
def test_mistakes_have_one_line(word: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        axis(word)
    assert str(caught.value) == line


finite = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(finite, finite, st.floats(0, 1))
def test_a_word_says_the_number_and_stays_within_the_ends(one: float, other: float, where: float) -> None:
    low, high = sorted((one, other))
    numbers = Numbers("a", low, high)
    value = low + (high - low) * where
    said = float(numbers.override(value).removeprefix("a="))
    assert low <= said <= high
    assert math.isclose(said, value, rel_tol=1e-5, abs_tol=1e-9 * (high - low)) or said in (low, high)


@given(st.integers(-50, 50), st.integers(1, 9), st.integers(1, 20))
def test_a_range_has_the_values_that_it_has_in_a_grid(low: int, step: int, count: int) -> None:
    word = f"a=range({low / 10},{(low + step * count) / 10},{step / 10})"
    numbers = axis(word)
    assert numbers.grid is not None
    said = [float(numbers.override(value).removeprefix("a=")) for value in numbers.grid]
    assert said == pytest.approx([float(point[0].removeprefix("a=")) for point in grid([word])])


def test_the_corners_have_every_end_with_every_combination_of_groups() -> None:
    fixed, space = parsed(["seed=1", "model=cnn,mlp", "lr=interval(0.1,1)", "n=range(1,4)", "seed=2"])
    assert fixed == ["seed=2"]
    corners = list(space.corners(["model"]))
    assert corners == [
        [f"model={model}", *rest]
        for model in ("cnn", "mlp")
        for rest in (["lr=0.1", "n=1"], ["lr=1.0", "n=1"], ["lr=0.1", "n=3"], ["lr=1.0", "n=3"])
    ]
    assert len(list(space.corners())) == 5
