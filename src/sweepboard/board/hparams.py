"""A run's row in the HParams table: what it was started with, and how it ended.

The two messages stand in the run's own folder. An experiment message is never written: TensorBoard takes the
first that it finds anywhere and hides what it does not name, whereas without one it builds the union
of all runs itself (pytorch#39250, tensorboard#5596).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TypeAlias

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

Hparam: TypeAlias = bool | int | float | str

_STATUS = {
    "finished": api_pb2.STATUS_SUCCESS,
    "failed": api_pb2.STATUS_FAILURE,
    "interrupted": api_pb2.STATUS_UNKNOWN,
    "pruned": api_pb2.STATUS_UNKNOWN,
}


def start_info(hparams: Mapping[str, Hparam | None], group: str, start_time: float | None = None) -> Summary:
    """What the run is made of. Runs of one `group` (same hparams, other seed) are one averaged row.

    Values that are None or not finite are left out: the first turns a column of numbers into text, the second
    is an empty cell, and broke the whole table before TensorBoard 2.14.
    """
    info = SessionStartInfo(group_name=group, start_time_secs=start_time or time.time())
    for name, value in sorted(hparams.items()):
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, str):
            info.hparams[name].string_value = value
        elif value is not None and math.isfinite(value):
            info.hparams[name].number_value = value
    return _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def end_info(status: str, end_time: float | None = None) -> Summary:
    """How the run ended: `finished`, `failed`, `interrupted` or `pruned` (both unknown to the table)."""
    info = SessionEndInfo(status=_STATUS[status], end_time_secs=end_time or time.time())
    return _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def status_name(status: int) -> str:
    """The word of `end_info` for a status that was read; `unknown` where no word of ours fits."""
    return next((name for name, number in _STATUS.items() if number == status), "unknown")


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    plugin = metadata.create_summary_metadata(data)
    return Summary(value=[Summary.Value(tag=tag, metadata=plugin, tensor=metadata.NULL_TENSOR)])
