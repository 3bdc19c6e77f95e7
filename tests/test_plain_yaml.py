"""YAML that comes from anybody is read within bounds."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sweepboard import plain_yaml
from tests.hostile_yaml import HOSTILE


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_stands_for_too_much_is_refused_at_once(text: str) -> None:
    started = time.process_time()
    with pytest.raises((ValueError, yaml.YAMLError)):
        plain_yaml.load(text)
    assert time.process_time() - started < 5


TAKEN_AS_TEXTS = {"bytes", "a set", "an object", "a list as a key"}
"""What files of other tools hold."""


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in TAKEN_AS_TEXTS])
def test_so_it_is_in_files_of_other_tools(name: str) -> None:
    started = time.process_time()
    for text in (HOSTILE[name], f"a: !!python/tuple [1]\n{HOSTILE[name]}", "a: &a !!python/tuple [*a]"):
        with pytest.raises((ValueError, yaml.YAMLError)):
            plain_yaml.load_any_tags(text)
    assert time.process_time() - started < 15


PLAIN = {
    "nothing": ("", None),
    "numbers": ("[1, 1e-3, 2.5, -7]", [1, "1e-3", 2.5, -7]),
    "a date is its text": ("a: 2024-01-31", {"a": "2024-01-31"}),
    "an alias used twice": ("a: &a [1, 2]\nb: *a\nc: *a", {"a": [1, 2], "b": [1, 2], "c": [1, 2]}),
    "sixty levels": ("[" * 60 + "]" * 60, None),
    "many classes": ("[" + "x," * 20_000 + "]", ["x"] * 20_000),
}


@pytest.mark.parametrize(("text", "value"), PLAIN.values(), ids=PLAIN.keys())
def test_what_a_configuration_holds_is_read(text: str, value: object) -> None:
    found = plain_yaml.load(text)
    assert found == value or value is None


TEXTS = ["1e5", "1E-5", "08", "0o17", "0x10", "1_000", "1:30", "on", "null", "~", ".5", "1.", "+1", "1__0e1"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_some_reader_takes_for_a_number_is_quoted(text: str) -> None:
    written = plain_yaml.dump({"key": text})
    assert written == f"key: '{text}'\n"
    assert plain_yaml.load(written) == {"key": text} == OmegaConf.create(written)


@given(st.floats(allow_nan=False) | st.integers(-(2**70), 2**70) | st.text(st.characters(codec="ascii")))
def test_values_read_back_the_same_by_us_and_by_omegaconf(value: float | int | str) -> None:
    written = plain_yaml.dump([value])
    assert plain_yaml.load(written) == [value]
    plain = OmegaConf.to_container(OmegaConf.create(written.replace("${", "")))
    assert "${" in str(value) or plain == [value]


def test_plain_words_are_not_quoted() -> None:
    assert plain_yaml.dump(["1.2.3", "1e5x", "cnn"]) == "- 1.2.3\n- 1e5x\n- cnn\n"


def value_of(text: str) -> str:
    try:
        return repr(plain_yaml.load(text))
    except (ValueError, yaml.YAMLError):
        return "refused"


LINES = [
    "b:", "  c: 2", "- x", "  - y", "d: 'one", "e'", 'f: "x', '"', "g: |", "  text", "", "h: [1,", "  2]",
    "2]", "i: {j: 1}", "a: 2", "# comment", "k: &k 1", "l: *k", "---", "...", "word", "m: word", "  more",
    "<<: {a: 3}", "? n", ": 1", "true: 1", "o: >-", "%TAG x", "p: !!str 1", "\tq: 1", "r : 1", "u: - 1",
    "_v: .nan",
]  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(LINES), max_size=8), st.booleans())
def test_blocks_are_read_as_the_whole_is(lines: list[str], ends: bool) -> None:
    text = "\n".join(lines) + "\n" * ends
    assert value_of(text) == value_of(f"# a comment there: it is not read by blocks\n{text}")


def test_what_is_read_twice_shares_nothing() -> None:
    text = "a:\n  b: [1, {c: 2}]\nd: 1\n"
    first = plain_yaml.load(text)
    first["a"]["b"][1]["c"] = first["a"]["e"] = 5
    assert plain_yaml.load(text) == {"a": {"b": [1, {"c": 2}]}, "d": 1}
