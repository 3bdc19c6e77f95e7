"""`--where` and `--sort`: a small language that means what Python means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweepboard.analysis.query_names import QueryNames
from sweepboard.errors import UserError
from sweepboard.expressions import BadExpression, Expression

NAMES = QueryNames(
    fields=["seed", "status"],
    hparams=["model", "optimizer.lr", "model.dropout", "task.dropout", "learning-rate"],
    metrics=["val/accuracy", "val/loss", "test/accuracy", "val/top-5"],
)
RUN = {
    "seed": 1,
    "status": "finished",
    "model": "cnn",
    "optimizer.lr": 0.01,
    "learning-rate": 0.5,
    "best(val/loss)": 0.25,
    "last(val/loss)": 0.75,
    "step(val/loss)": 300,
    "best(val/accuracy)": 0.9,
    "best(val/top-5)": 0.99,
}


@pytest.mark.parametrize(
    "text",
    [
        "optimizer.lr < 0.1",
        "lr<0.1",
        "0.001 < lr <= 1e-2",
        "model == cnn",
        "model == 'cnn'",
        "cnn == model",
        "model in [cnn, mlp]",
        "model in 'a cnn'",
        "val/accuracy > .8 and not val/loss > 0.5",
        "last(val/loss) > 0.5 and step(val/loss) == 300 and best(loss) == .25",
        "lr > 1 or (seed == 1 and status == finished)",
        "'learning-rate' < 1 and best('val/top-5') > 0.9",
        "model.dropout == None",
        "model.dropout != 0.5",
        "lr > -1",
        "lr * step(val/loss) / 2 < 2 and -lr + 1 > .9",
        "val/accuracy / (val/loss) > 3",
        "lr / seed == 0.01",
        "last(val/loss) - best(val/loss) == 0.5",
    ],
)
def test_what_is_so(text: str) -> None:
    assert Expression(text).condition(NAMES)(RUN)
    assert not Expression(f"not ({text})").condition(NAMES)(RUN)


@pytest.mark.parametrize(
    "text",
    [
        "width == 0.001",
        "width in [1, 0.001]",
        "0.0001 < width < 0.01",
        "not width != 0.001",
        "width == '1e-3'",
        "lr == '0.010'",
        "model != 1",
        "not model == 1",
    ],
)
def test_a_number_written_as_text_is_a_number_beside_one(text: str) -> None:
    words = QueryNames([], ["width", "lr", "model"], [])
    values = {"width": "1e-3", "lr": 0.01, "model": "nan"}
    assert Expression(text).condition(words)(values)


@pytest.mark.parametrize(
    "text",
    [
        "model.dropout * 2 < 1",
        "model / 2 < 1",
        "lr / 0 > 1",
        "-model < 1",
        "model.dropout < 1",
        "model.dropout >= 1",
        "model < 1",
        "test/accuracy > 0",
    ],
)
def test_what_a_run_lacks_or_cannot_be_ordered_is_no_match(text: str) -> None:
    assert not Expression(text).condition(NAMES)(RUN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizr.lr < 1", "no run has 'optimizr.lr'; did you mean optimizer.lr?"),
        ("val/acuracy > 1", "no run has 'val/acuracy'; did you mean val/accuracy?"),
        ("modle == cnn", "no run has 'modle'; did you mean model?"),
        ("seed", "'seed' is no comparison; write it as 'optimizer.lr < 0.1 and model == cnn'"),
        ("lr * mdel > 1", "no run has 'mdel'; did you mean model?"),
        ("stauts", "no run has 'stauts'; did you mean status?"),
        ("dropout > 0", "'dropout' could be model.dropout or task.dropout: type the whole name"),
        (
            "lr <",
            "cannot read 'lr <': write comparisons such as 'optimizer.lr < 0.1 and model == cnn'",
        ),
        (
            "__import__('os') == 1",
            "\"__import__('os')\" is not understood; write comparisons such as "
            "'optimizer.lr < 0.1 and model == cnn'",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        Expression(text).condition(NAMES)(RUN)
    assert str(error.value) == message


def test_a_key_to_sort_by() -> None:
    assert Expression("lr").name(NAMES) == "optimizer.lr"
    assert Expression("val/accuracy").name(NAMES) == "best(val/accuracy)"
    assert Expression("last(val/loss)").name(NAMES) == "last(val/loss)"
    assert Expression("'learning-rate'").name(NAMES) == "learning-rate"
    with pytest.raises(UserError, match="is not understood"):
        Expression("lr < 1").name(NAMES)


NUMBERS = st.integers(-3, 3)
LEAVES = st.tuples(st.sampled_from("abc"), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS)


def _spelled(leaf: tuple[str, str, int]) -> str:
    return f"{leaf[0]} {leaf[1]} {leaf[2]}"


EXPRESSIONS = st.recursive(
    LEAVES.map(_spelled),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda three: "({}) {} ({})".format(*three)
        ),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.fixed_dictionaries(dict.fromkeys("abc", NUMBERS)))
def test_it_means_what_python_means(text: str, values: dict[str, int]) -> None:
    words = QueryNames(fields=[], hparams="abc", metrics=[])
    assert Expression(text).condition(words)(values) == eval(text, {}, dict(values))


@given(st.text(max_size=30) | st.text("ab<>=()[]'.,/ 1", max_size=30))
def test_any_text_is_a_condition_or_a_mistake(text: str) -> None:
    try:
        holds = Expression(text).condition(QueryNames(fields=[], hparams=["a", "b"], metrics=["val/a.b"]))
        assert holds({"a": 1, "b": "x"}) in (True, False)
    except BadExpression:
        return


@pytest.mark.parametrize("text", ["model / 2 > 1", "model < 1", "seed", "seed and True", "lr / 0 > 1"])
def test_a_strict_condition_refuses_what_cannot_be_computed(text: str) -> None:
    with pytest.raises(BadExpression):
        Expression(text).condition(NAMES, strict=True)(RUN)
