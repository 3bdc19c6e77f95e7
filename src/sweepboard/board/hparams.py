"""A run's row in the HParams table: its hyperparameters at the start, and its status at the end.

Both messages are in the run's own folder. No experiment message is written: TensorBoard takes the first that
it finds anywhere and hides what it does not list, whereas without one it builds the union of all runs
(pytorch#39250, tensorboard#5596).
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
    """Return the hyperparameters as a message.

    Runs of one `group` (same hparams, other seed) are averaged in one row. Values that are None or not finite
    are omitted: None turns a column of numbers into text; the others are empty cells, and broke the whole
    table before TensorBoard 2.14.
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
    """Return the status as a message: `finished`, `failed`, `interrupted` or `pruned`.

    The table shows the last two as unknown.
    """
    info = SessionEndInfo(status=_STATUS[status], end_time_secs=end_time or time.time())
    return _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def status_name(status: int) -> str:
    """Return the name of a stored status; `unknown` if there is none."""
    return next((name for name, number in _STATUS.items() if number == status), "unknown")


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    plugin = metadata.create_summary_metadata(data)
    return Summary(value=[Summary.Value(tag=tag, metadata=plugin, tensor=metadata.NULL_TENSOR)])
