"""Decode plain scalar events many at a time.

Most records of a run are alike: same length, same tags, and only time, step and values differ. One record is
parsed into a template; all records that agree with it in every other byte are read as columns of one NumPy
matrix, which is tens of times faster than a protobuf parser. Other records are left to that parser, so a
template must be right, but need not be complete.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from sweepboard.board.tfrecord import Block

FEWEST = 8
"""Minimum number of records of one length for which a matrix pays."""

LONGEST = 16 * 1024
"""Maximum length, in bytes, of a plain record."""

TEMPLATES = 64
"""Maximum number of templates tried for the records of one length in a block."""

_WALL_TIME, _STEP, _SUMMARY = 0x09, 0x10, 0x2A  # keys (field number and wire type) of an Event
_VALUE = 0x0A  # of a Summary
_TAG, _SIMPLE_VALUE = 0x0A, 0x15  # of a Summary.Value
_CONTINUES = 0x80  # the bit of a varint's byte that says that another follows

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


class Series(NamedTuple):
    """All points of one tag, in the order written."""

    steps: Ints
    values: Floats
    """The values exactly as written, which for most writers is as float32."""

    wall_times: Floats
    """Seconds since 1970."""


class PointBuffer:
    """Points of many tags, of one run or several, collected in any order."""

    def __init__(self) -> None:
        self._columns: dict[str, list[tuple[Ints, Ints, Floats, Floats]]] = defaultdict(list)
        self._single: dict[str, list[tuple[int, int, float, float]]] = defaultdict(list)
        self._restarts: list[tuple[int, int]] = []

    def add_columns(self, tag: str, order: Ints, steps: Ints, values: Floats, wall_times: Floats) -> None:
        """Add points of `tag`; `order` are the numbers of their records."""
        self._columns[tag].append((order, steps, values, wall_times))

    def add(self, tag: str, order: int, step: int, value: float, wall_time: float) -> None:
        """Add one point of `tag`, from record number `order`."""
        self._single[tag].append((order, step, value, wall_time))

    def restart(self, order: int, step: int) -> None:
        """Mark the points of `step` and later void that were logged before record number `order`."""
        self._restarts.append((order, step))

    def series(self, starts: Sequence[int] = (0,)) -> list[dict[str, Series]]:
        """Return each tag's points in the order of their records, without void ones, for each run.

        The records of a run are those from its number in `starts` on.
        """
        runs: list[dict[str, Series]] = [{} for _ in starts]
        ends = [self._ends(*span) for span in pairwise((*starts, sys.maxsize))] if self._restarts else []
        for tag in sorted({*self._columns, *self._single}):
            columns = self._in_order(tag)
            places = [*np.searchsorted(columns[0], starts).tolist(), len(columns[0])]
            for number, (first, last) in enumerate(pairwise(places)):
                found = [column[first:last] for column in columns]
                if ends:
                    found = _valid(found, *ends[number])
                if found[0].size:
                    runs[number][tag] = Series(*found[1:])
        return runs

    def _in_order(self, tag: str) -> list[npt.NDArray[Any]]:
        parts = [*self._columns.get(tag, [])]
        if single := self._single.get(tag):
            order, steps, values, wall_times = zip(*single, strict=True)
            parts.append((np.array(order), np.array(steps), np.array(values), np.array(wall_times)))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        rank = np.argsort(columns[0], kind="stable")
        return [column[rank] for column in columns]

    def _ends(self, start: int, stop: int) -> tuple[Ints, Ints]:
        """Return a run's records with a restart, and the first step that each or a later one made void."""
        restarts = sorted(each for each in self._restarts if start <= each[0] < stop)
        orders, steps = np.array(restarts, np.int64).reshape(-1, 2).T
        return orders, np.append(np.minimum.accumulate(steps[::-1])[::-1], np.iinfo(np.int64).max)


def _valid(columns: Sequence[npt.NDArray[Any]], orders: Ints, lowest: Ints) -> list[npt.NDArray[Any]]:
    """Return the columns without the points that a later restart made void."""
    valid = columns[1] < lowest[np.searchsorted(orders, columns[0], side="right")]
    return [column[valid] for column in columns]


def take_plain(block: Block, wanted: Ints, first: int, points: PointBuffer) -> list[int]:
    """Read the plain ones of the `wanted` records into `points`, and return the numbers of the others.

    Records are counted from 0 in the block, and from `first` in `points`.
    """
    if len(wanted) < FEWEST:
        few: list[int] = wanted.tolist()
        return few
    data = np.frombuffer(block.data, np.uint8)
    spans = np.array(block.spans, np.int64).reshape(-1, 2)[wanted]
    lengths = spans[:, 1] - spans[:, 0]
    left: list[int] = []
    for length in np.unique(lengths):
        alike = lengths == length
        rows = wanted[alike]
        if len(rows) >= FEWEST and length <= LONGEST:
            matrix = sliding_window_view(data, length)[spans[alike, 0]]
            rows = _take_alike(matrix, rows, first, points)
        left += rows.tolist()
    return sorted(left)


def _take_alike(matrix: Bytes, rows: Ints, first: int, points: PointBuffer) -> Ints:
    """Read the plain ones among payloads of one length (a row each), and return the numbers of the others."""
    left = []
    for _ in range(TEMPLATES):
        if len(rows) < FEWEST:
            break
        template = template_of(matrix[0].tobytes())
        if template is None:
            left.append(rows[0])
            matrix, rows = matrix[1:], rows[1:]
        else:
            fits = template.fits(matrix)
            template.read(matrix[fits], rows[fits] + first, points)
            matrix, rows = matrix[~fits], rows[~fits]
    return np.concatenate([np.array(left, np.int64), rows])


@dataclass(frozen=True)
class Template:
    """The places of time, step and values in the payload of a plain event."""

    payload: bytes
    wall_time: int
    step: range
    """Bytes of the step's varint; empty for step 0, which is not stored."""

    values: dict[str, int]

    def fits(self, matrix: Bytes) -> npt.NDArray[np.bool_]:
        """Return which rows differ from the payload only in time, step (of as many bytes) and values."""
        mask = np.full(len(self.payload), 0xFF, np.uint8)
        mask[self.wall_time : self.wall_time + 8] = 0
        mask[self.step] = _CONTINUES
        for place in self.values.values():
            mask[place : place + 4] = 0
        different = (matrix ^ np.frombuffer(self.payload, np.uint8)) & mask
        return np.logical_not(different.any(axis=1))

    def read(self, matrix: Bytes, order: Ints, points: PointBuffer) -> None:
        """Add the points of rows that fit."""
        wall_times = _column(matrix, self.wall_time, "<f8")
        steps = _varints(matrix[:, self.step])
        for tag, place in self.values.items():
            points.add_columns(tag, order, steps, _column(matrix, place, "<f4"), wall_times)


def template_of(payload: bytes) -> Template | None:
    """Return the template of a plain event: a time, an optional step, values of only a tag and a float."""
    try:
        fields = _unique(payload, range(len(payload)))
        if not {_WALL_TIME, _SUMMARY} <= fields.keys() <= {_WALL_TIME, _STEP, _SUMMARY}:
            return None
        values: dict[str, int] = {}
        for key, span in _fields(payload, fields[_SUMMARY]):
            value = _unique(payload, span)
            if key != _VALUE or value.keys() != {_TAG, _SIMPLE_VALUE}:
                return None
            tag = payload[value[_TAG].start : value[_TAG].stop].decode()
            if tag in values:
                return None
            values[tag] = value[_SIMPLE_VALUE].start
    except (ValueError, IndexError):  # not a message, or none that we know
        return None
    return Template(payload, fields[_WALL_TIME].start, fields.get(_STEP, range(0)), values)


def _unique(data: bytes, span: range) -> dict[int, range]:
    """Return the fields of a message by key. Raise ValueError if one occurs twice."""
    fields = list(_fields(data, span))
    if len(unique := dict(fields)) < len(fields):
        raise ValueError("a field occurs twice")
    return unique


def _fields(data: bytes, span: range) -> Iterator[tuple[int, range]]:
    """Yield key and bytes of each field of a message. Raise ValueError or IndexError if it is malformed.

    Source: protobuf.dev/programming-guides/encoding.
    """
    place = span.start
    while place < span.stop:
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            start, (_, place) = place, _varint(data, place)
        elif kind == 2:
            length, start = _varint(data, place)
            place = start + length
        elif kind in (1, 5):
            start, place = place, place + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"wire type {kind}")
        if place > span.stop:
            raise ValueError("a field is longer than its message")
        yield key, range(start, place)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return the number at `place`, and the start of the next field."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        number |= (byte & ~_CONTINUES) << shift
        if byte < _CONTINUES:
            return number, place
    raise ValueError("a varint of more than ten bytes")


def _varints(columns: Bytes) -> Ints:
    """Return varints of one length, a row each, as int64 (two's complement, as in protobuf)."""
    numbers = np.zeros(len(columns), np.uint64)
    for index in range(columns.shape[1]):
        numbers |= (columns[:, index] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * index)
    return numbers.view(np.int64)


def _column(matrix: Bytes, place: int, kind: str) -> Floats:
    """Return the floats that start at byte `place` of each row."""
    width = np.dtype(kind).itemsize
    floats = np.ascontiguousarray(matrix[:, place : place + width]).view(kind)[:, 0]
    with np.errstate(invalid="ignore"):  # some bits of a NaN raise a warning as it is cast
        return floats.astype(np.float64)
