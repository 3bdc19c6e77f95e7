"""Names say what differs, and only that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sweepboard.analysis.differing_hparams import description, differing, short_names

CNN = {"model": "cnn", "model.dropout": 0.5, "optimizer.lr": 0.1, "trainer.epochs": 5}
MLP = {"model": "mlp", "model.hidden": "[64]", "optimizer.lr": 0.01, "trainer.epochs": 5}


def test_what_follows_from_the_chosen_option_is_no_difference_of_its_own() -> None:
    assert differing([CNN, MLP]) == ["model", "optimizer.lr"]
    assert differing([CNN, MLP, MLP | {"model.hidden": "[8]"}]) == ["model", "optimizer.lr", "model.hidden"]
    assert differing([CNN, MLP], typed={"model.dropout"}) == ["model", "model.dropout", "optimizer.lr"]


def test_names_are_as_short_as_they_are_clear() -> None:
    keys = ["optimizer.lr", "model.dropout", "task.dropout", "model"]
    assert list(short_names(keys).values()) == ["lr", "model.dropout", "task.dropout", "model"]
    assert description(CNN, ["model", "optimizer.lr", "model.hidden"]) == "model=cnn, lr=0.1"


ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "a.x", "b.x", "b.y"]), st.integers(0, 2)), max_size=5)


@given(ROWS)
def test_runs_that_differ_are_told_apart(rows: list[dict[str, int]]) -> None:
    keys = differing(rows)
    told = {tuple((key, row[key]) for key in keys if key in row) for row in rows}
    assert len(told) == len({tuple(sorted(row.items())) for row in rows})


@given(st.lists(st.from_regex(r"[ab](\.[ab]){0,2}", fullmatch=True), unique=True))
def test_short_names_are_different(keys: list[str]) -> None:
    names = short_names(keys)
    assert len(set(names.values())) == len(keys)
    assert all(key == name or key.endswith(f".{name}") for key, name in names.items())
