"""Names that follow from a configuration: a run's label, its flat hyperparameters, the name of its group.

Pure functions of the standard library, so that a plan, a folder and a table agree on them anywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LABEL_LENGTH = 100
"""Longest label in characters. Common file systems allow 255, to which a time and a suffix may be added."""

_UNLABELLED = re.compile(r"hydra[./=]|sweep[.=]|output_root=")
_CLEAN = re.compile(r"no-[\w.]+|[\w.]+=(?:[\w.+-]*|\[[\w.,+-]*\])", re.ASCII)
_UNSAFE = re.compile(r"[^\w.,=+\[\]-]|(?<=\.)\.|\.\Z", re.ASCII)
_RESERVED = re.compile(r"(?=(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z))", re.IGNORECASE)  # by Windows

_COLUMNS = ("experiment", "model", "dataset", "optimizer", "scheduler", "task")
_BRANCHES = ("model", "dataset", "optimizer", "scheduler", "task", "trainer")
_WITHOUT_EFFECT = re.compile(r"dataset\.(root|workers|eval_batch_size|in_memory)$|trainer\.checkpoint\.")
_CONSTRUCTION = re.compile(r"(.*\.)?_(target|convert|recursive|partial)_$")


def label(overrides: Sequence[str]) -> str:
    """What was overridden, as one name for a folder: `model=mlp,optimizer.lr=0.1`.

    The order is as typed; of a key typed twice the last value stands. Settings that say where things go or
    how jobs are run (`hydra.*`, `sweep.*`, `output_root`) are left out. The name is safe in a path of any
    system: where a character had to be replaced, or the name is longer than `LABEL_LENGTH`, it ends in a
    hash of the whole.
    """
    parts: dict[str, str] = {}
    for key, part in filter(None, map(_part, overrides)):
        parts[key] = part
    full = ",".join(parts.values())
    safe = _RESERVED.sub("_", _UNSAFE.sub("-", full).lstrip(".-"), count=1)
    if safe == full and len(full) <= LABEL_LENGTH and all(map(_CLEAN.fullmatch, parts.values())):
        return full
    digest = hashlib.sha256(full.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: LABEL_LENGTH - 1 - len(digest)]}-{digest}".lstrip("-")


def _part(override: str) -> tuple[str, str] | None:
    """The key and the text of one override, or None where it names no part of the experiment."""
    word = override.strip()
    deletes = word.startswith("~")
    word = word.lstrip("+~")
    if _UNLABELLED.match(word):
        return None
    key, _, value = word.partition("=")
    return key, f"no-{key}" if deletes else f"{key}={value}"


def hparams(
    config: Mapping[str, Any],
    groups: Mapping[str, str | None],
    overrides: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
) -> dict[str, bool | int | float | str]:
    """What makes one run differ from another, flat: `{"model": "cnn", "optimizer.lr": 0.001, …}`.

    `config` is resolved and plain; `groups` are the options chosen (`{"model": "cnn"}`). Left out is what
    does not change a result (where data lies, how it is read, when it is saved), the seed (repeats are one
    group), what has no effect beside another setting, what follows from other settings (`links`, by their
    flat keys), and None: a table's column has one type.
    """
    row: dict[str, bool | int | float | str] = {
        name: str(groups[name]) for name in _COLUMNS if groups.get(name) is not None
    }
    typed = {override.lstrip("+~").partition("=")[0] for override in overrides}
    silent = set(_idle(config)) | set(links or {})
    for branch in _BRANCHES:
        for key, value in flatten(config.get(branch) or {}, branch):
            named = key in typed or not _CONSTRUCTION.match(key)
            if named and value is not None and key not in silent and not _WITHOUT_EFFECT.match(key):
                row[key] = value if isinstance(value, bool | int | float) else str(value)
    return row


def _idle(config: Mapping[str, Any]) -> Iterator[str]:
    """Keys that another setting leaves without effect."""
    trainer, dataset = config.get("trainer") or {}, config.get("dataset") or {}
    if trainer.get("steps") is not None:
        yield "trainer.epochs"
    if (trainer.get("early_stopping") or {}).get("patience") is None:
        yield from ("trainer.early_stopping.metric", "trainer.early_stopping.mode")
        yield "trainer.early_stopping.min_delta"
    if dataset.get("validate_on") == "test":
        yield "dataset.val_fraction"
    if "crop" not in str(dataset.get("augment")):
        yield "dataset.augment_padding"
    scheduler = config.get("scheduler") or {}
    if "_target_" not in scheduler:
        yield "scheduler.interval"
    if scheduler.get("interval") != "validation":
        yield "scheduler.metric"


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested mappings with its dotted key; a list is a leaf, an empty mapping has none."""
    for name, value in tree.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping):
            yield from flatten(value, key)
        else:
            yield key, value


def group_name(row: Mapping[str, bool | int | float | str]) -> str:
    """A name shared by the runs whose hyperparameters are equal: repeats with other seeds."""
    # 1 and 1.0 are the same learning rate (and True, a third, is no float).
    values = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in row.items()
    }
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
