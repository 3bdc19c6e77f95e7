"""YAML that stands for far more than it is long, or that nobody can mean."""

from __future__ import annotations


def _bomb(levels: int, brackets: str = "[]", key: str = "") -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        items = ", ".join(key.format(place) + f"*a{level - 1}" for place in range(9))
        lines.append(f"a{level}: &a{level} {brackets[0]}{items}{brackets[1]}")
    return "\n".join(lines)


HOSTILE = {
    "lists of aliases": _bomb(9),
    "mappings of aliases": _bomb(9, "{}", "k{}: "),
    "merged mappings": "b0: &b0 {x: 1}\n"
    + "".join(f"b{n}: &b{n} {{<<: [*b{n - 1}, *b{n - 1}]}}\n" for n in range(1, 30)),
    "a list that holds itself": "a: &a [*a]",
    "a mapping that holds itself": "a: &e {a: *e}",
    "a document that is itself": "&a [[[*a]]]",
    "300 lists": "a: " + "[" * 300 + "]" * 300,
    "3000 lists": "[" * 3000 + "]" * 3000,
    "3000 unclosed": "a: " + "[" * 3000,
    "500 mappings in blocks": "".join(" " * n + "a:\n" for n in range(500)),
    "70 lists in a row": "- " * 70 + "x",
    "a deep alias at depth": "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40,
    "a million values": "[" + "x," * 1_000_000 + "]",
    "a number of minutes of minutes": "a: 1" + ":59" * 50_000,
    "a float of minutes": "a: 1" + ":59" * 300 + ".5",
    "a huge integer": "a: " + "9" * 100_000,
    "bytes": "a: !!binary aGVsbG8=",
    "a set": "a: !!set {x, y}",
    "an object": "a: !!python/object/apply:os.system [true]",
    "a list as a key": "? [a]\n: 1",
    "no text": "a: \x00",
}
