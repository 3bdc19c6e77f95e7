"""Read and write YAML of plain values (numbers, texts, lists, mappings), safely and without loss.

The YAML may be untrusted: a few lines of aliases can expand to billions of values, and deep nesting can
exhaust the stack.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import yaml

MOST_VALUES = 100_000
"""Maximum number of keys and values; those of an alias count each time it is used."""

DEEPEST = 64
"""Maximum depth of nested lists and mappings."""

LONGEST_NUMBER = 400
"""Maximum number of digits; the time to parse a number grows with their square."""

_TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"
_PROBLEM_OF_LIBYAML = "exceeded maximum nesting depth"

_MARKS = ",:-?[{\n"
"""Every YAML value needs one of these next to it."""

_LONGEST_BY_BLOCKS = 2**16
"""Maximum length of a text that is read block by block: so it has fewer than `MOST_VALUES`."""

_TOP = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)
_NO_BLOCK = re.compile(r"\A(?![A-Za-z_])|^(?![A-Za-z_ \n]|- |\Z)|&", re.MULTILINE)
"""What a text of blocks does not have: a first line without a key, other first letters, anchors."""

# The C library where PyYAML was built with it: ten times faster, and as safe.
_CLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class NotPlain(ValueError):
    """A YAML text that holds more than a configuration may."""


class _Loader(_CLoader):  # type: ignore[misc, valid-type]
    """Load plain values: a date becomes its text, and other tags are refused."""


_Loader.yaml_constructors = {
    tag: construct
    for tag, construct in _CLoader.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in ("null", "bool", "int", "float", "str", "seq", "map")
}
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _CLoader.construct_yaml_str)


class _AnyTagsLoader(_Loader):
    """Load the plain value under any tag; no object is built."""


def _untagged(loader: Any, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value or node.tag.rpartition(":")[2]  # `!!python/name:torch.nn.ReLU ''`


_AnyTagsLoader.add_constructor(None, _untagged)


class _Dumper(_CDumper):  # type: ignore[misc, valid-type]
    """Quote texts that some YAML reader takes for numbers, such as `1e5` in OmegaConf."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"(?:[-+]?(?:\.[\d_]+|\d[\d_]*(?:\.[\d_]*)?)(?:[eE][-+]?\d+)?|0o[0-7]+)\Z", re.ASCII),
    list("-+.0123456789"),
)


def load(text: str) -> Any:
    """Return the value of a YAML text.

    Raise ValueError or yaml.YAMLError if it is no YAML of plain values, or has too many of them.

    Configurations of many runs share most of their top-level blocks (`trainer:` and what is below it), and a
    block that was read before is not parsed again.
    """
    if len(text) <= _LONGEST_BY_BLOCKS and not _NO_BLOCK.search(text):
        try:
            return _joined_blocks(_TOP.split(text)[1:])
        except (ValueError, yaml.YAMLError):  # it is no mapping of blocks; or it is told with its line
            pass
    return _constructed(_Loader, text)


def _joined_blocks(blocks: list[str]) -> dict[Any, Any]:
    joined: dict[Any, Any] = {}
    for block in blocks:
        joined |= _block(block)
    return _copied(joined)  # type: ignore[no-any-return]


@lru_cache(maxsize=512)
def _block(text: str) -> dict[Any, Any]:
    """Return one top-level key with its value."""
    content = _constructed(_Loader, text)
    if not isinstance(content, dict):
        raise NotPlain("it is no mapping")
    return content


def _copied(value: Any) -> Any:
    """Return plain values again, in which no list and no mapping is shared."""
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def load_any_tags(text: str) -> Any:
    """Return the value of another tool's YAML: Lightning's `!!python/tuple` becomes a list."""
    return _constructed(_AnyTagsLoader, text)


def compose(text: str) -> yaml.Node | None:
    """Return the nodes of a YAML text with any tags, with their lines. Raise as `load` does."""
    return _composed(_Loader, text)[1]


def dump(value: Any) -> str:
    """Return `value` in block style, keys in their own order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def _constructed(kind: Any, text: str) -> Any:
    loader, node = _composed(kind, text)
    try:
        return None if node is None else loader.construct_document(node)
    except (OverflowError, RecursionError) as error:
        raise NotPlain(f"it holds a value that cannot be read: {error}") from error


def _composed(kind: Any, text: str) -> tuple[Any, yaml.Node | None]:
    if sum(map(text.count, _MARKS)) > 2 * MOST_VALUES:
        raise NotPlain(f"it holds more than {MOST_VALUES:,} values")
    try:
        loader = kind(text)
        node = loader.get_single_node()
    except RecursionError:
        raise NotPlain(_TOO_DEEP) from None
    except yaml.MarkedYAMLError as error:
        if error.problem == _PROBLEM_OF_LIBYAML:
            raise NotPlain(_TOO_DEEP) from None
        raise
    if node is not None:
        _measure(node, 0, {})
    return loader, node


def _measure(node: yaml.Node, depth: int, known: dict[yaml.Node, tuple[int, int]]) -> tuple[int, int]:
    """Return how many values `node` has, and how deep they are nested. Raise `NotPlain` beyond the bounds.

    A list or mapping with several aliases is visited once.
    """
    if isinstance(node, yaml.ScalarNode):
        return _measured_number(node)
    values, height = known.get(node, (0, 0))
    if depth + height > DEEPEST:  # a node that holds itself comes here, too
        raise NotPlain(_TOO_DEEP)
    if not height:
        inner = [_measure(child, depth + 1, known) for child in _children(node)]
        values, height = 1 + sum(count for count, _ in inner), 1 + max((high for _, high in inner), default=0)
        known[node] = values, height
    if values > MOST_VALUES:
        raise NotPlain(f"it stands for more than {MOST_VALUES:,} values")
    return values, height


def _measured_number(node: yaml.ScalarNode) -> tuple[int, int]:
    if len(node.value) > LONGEST_NUMBER and node.tag.endswith((":int", ":float")):
        raise NotPlain(f"it holds a number of {len(node.value):,} digits")
    return 1, 0


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value)
