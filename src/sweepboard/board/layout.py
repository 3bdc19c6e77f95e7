"""The layout of the custom-scalars page: training and validation of a metric in one chart."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import metadata
from tensorboard.plugins.custom_scalar.layout_pb2 import Category, Chart, Layout, MultilineChartContent
from tensorboard.util.tensor_util import make_tensor_proto


def layout(metrics: Iterable[str]) -> Summary:
    """One chart for each metric of a task, then learning rate and throughput.

    It depends on nothing else, because TensorBoard merges the layouts of runs only where they are the same.
    """
    curves = [_chart(metric, f"train/{metric}", f"val/{metric}") for metric in metrics]
    run = [_chart("learning rate", "lr"), _chart("samples per second", "perf/samples_per_second")]
    page = Layout(category=[Category(title="metrics", chart=curves), Category(title="run", chart=run)])
    value = Summary.Value(
        tag=metadata.CONFIG_SUMMARY_TAG,
        metadata=metadata.create_summary_metadata(),
        tensor=make_tensor_proto(page.SerializeToString()),
    )
    return Summary(value=[value])


def _chart(title: str, *tags: str) -> Chart:
    patterns = [f"^{re.escape(tag)}$" for tag in tags]  # a layout names tags by regular expressions
    return Chart(title=title, multiline=MultilineChartContent(tag=patterns))
