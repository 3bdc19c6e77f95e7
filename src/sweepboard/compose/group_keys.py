"""Which keys of an open group are arguments of its constructor, and which belong to the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sweepboard.settings import DATASET_PARTS, KEYS_OF_ONE, SHARED_KEYS


def arguments(config: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Return the constructor's arguments in an open group: its values without the runner's own keys."""
    shared = {item.name for item in fields(SHARED_KEYS[group])} if group in SHARED_KEYS else set()
    return {name: value for name, value in config[group].items() if name not in shared}


def shared_keys(place: str) -> list[str]:
    """Return the runner's own keys in an open group, or in a node at a place inside one."""
    group, _, inner = place.partition(".")
    known = (KEYS_OF_ONE if inner else SHARED_KEYS).get(group)
    names = [item.name for item in fields(known)] if known else []
    return [*names, *DATASET_PARTS] if place == "dataset" else names
