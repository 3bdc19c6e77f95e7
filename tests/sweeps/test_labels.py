"""Labels of jobs: only what differs, each another one, always the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sweepboard.names import LABEL_LENGTH
from sweepboard.sweeps.labels import labels, overrides_by_key

KEYS = st.sampled_from(["optimizer.lr", "seed", "model", "dataset.root", "model.hidden"])
VALUES = st.sampled_from(["0.1", "mlp", "MLP", "../x", "[1,2]", "a b", "a-b", "x" * 120, "", "é"])
POINT = st.dictionaries(KEYS, VALUES).map(
    lambda point: {key: f"{key}={value}" for key, value in point.items()}
)
POINTS = st.lists(POINT, min_size=1, max_size=8, unique_by=lambda point: tuple(sorted(point.items())))


def point(*words: str) -> dict[str, str]:
    return {word.partition("=")[0]: word for word in words}


def test_labels_say_only_what_differs() -> None:
    points = [
        point("optimizer.lr=0.1", "model=mlp", "seed=1"),
        point("optimizer.lr=0.01", "model=mlp", "seed=1"),
    ]
    assert labels(points) == ["optimizer.lr=0.1", "optimizer.lr=0.01"]
    assert labels(points[:1]) == ["lr=0.1,model=mlp,seed=1"]
    assert labels([{}]) == ["job"]


def test_keys_are_shortened_where_a_label_would_be_too_long_to_be_read() -> None:
    points = [
        point(
            f"dataset.batch_size={size}", "optimizer.lr=0.001", "optimizer.weight_decay=0.1", f"seed={seed}"
        )
        for size, seed in ((64, 1), (128, 2))
    ]
    assert labels(points[:1]) == ["batch_size=64,lr=0.001,weight_decay=0.1,seed=1"]
    assert labels(points) == ["dataset.batch_size=64,seed=1", "dataset.batch_size=128,seed=2"]
    alike = [
        point(*(f"{key}.dropout={n}" for key in ("model", "task")), f"trainer.epochs={n}") for n in (1, 2)
    ]
    assert labels(alike)[0] == "model.dropout=1,task.dropout=1,epochs=1"


def test_a_job_keeps_its_label_when_others_come() -> None:
    points = [point("optimizer.lr=0.1"), point("optimizer.lr=0.01"), point("optimizer.lr=0.1", "seed=2")]
    assert labels(points, ["optimizer.lr=0.1", "optimizer.lr=0.01"]) == [
        "optimizer.lr=0.1",
        "optimizer.lr=0.01",
        "optimizer.lr=0.1,seed=2",
    ]


@given(POINTS)
def test_labels_are_safe_unique_and_stable(points: list[dict[str, str]]) -> None:
    given = labels(points)
    assert len({name.casefold() for name in given}) == len(points)
    assert all(name and "/" not in name and not name.startswith(".") for name in given)
    assert all(len(name) <= LABEL_LENGTH + 9 for name in given)
    assert labels(points) == given
    assert labels(points, given[:1])[:1] == given[:1]


def test_numbers_are_written_as_they_are_and_not_as_typed() -> None:
    config = {"optimizer": {"lr": 0.1, "fused": True}, "model": {"hidden": [128, 64]}, "seed": 2}
    typed = ["optimizer.lr=1e-1", "+optimizer.fused=True", "model.hidden=[128, 64]", "model=mlp", "~task.x"]
    assert list(overrides_by_key(typed, config).values()) == [
        "optimizer.lr=0.1",
        "optimizer.fused=true",
        "model.hidden=[128,64]",
        "model=mlp",
        "~task.x",
    ]


def test_a_text_that_reads_as_something_else_has_its_quotes() -> None:
    texts = ["null", "1", "true", "1e5", "plain"]
    words = [overrides_by_key([f"model.tag='{text}'"], {"model": {"tag": text}}) for text in texts]
    assert [word["model.tag"] for word in words] == [
        "model.tag='null'", "model.tag='1'", "model.tag='true'", "model.tag='1e5'", "model.tag=plain"
    ]  # fmt: skip
    points = [
        *words,
        *(overrides_by_key([f"model.tag={one}"], {"model": {"tag": one}}) for one in (1, True, None)),
    ]
    assert len({point["model.tag"] for point in points}) == len(points)


def test_a_null_is_written_as_it_is_typed() -> None:
    for value, text in ((None, "null"), ([None, 1], "[null,1]"), ({"a": None}, "null")):
        key = "model.items.a" if isinstance(value, dict) else "model.items"
        typed = "model.items={a: null}" if isinstance(value, dict) else f"model.items={text}"
        assert overrides_by_key([typed], {"model": {"items": value}}) == {key: f"{key}={text}"}
    points = [{"trainer.grad_clip": f"trainer.grad_clip={text}"} for text in ("null", "1")]
    assert labels(points) == ["trainer.grad_clip=null", "trainer.grad_clip=1"]


def test_names_that_are_numbers_are_found() -> None:
    words = overrides_by_key(["model.opts={1: a, 2: {x: 3}}"], {"model": {"opts": {1: "a", 2: {"x": 3}}}})
    assert list(words.values()) == ["model.opts.1=a", "model.opts.2.x=3"]
