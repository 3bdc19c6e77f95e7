"""Plain text on the board's text page, which reads markdown."""

from __future__ import annotations

import re

from tensorboard.compat.proto.summary_pb2 import Summary

from sweepboard.board import summaries


def plain_text(tag: str, content: str) -> Summary:
    """`content` exactly as it is, in a code block."""
    return Summary(value=[summaries.text(tag, code_block(content))])


def code_block(content: str) -> str:
    """`content` between fences that are longer than any run of backticks in it."""
    longest = max((len(ticks) for ticks in re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{content.rstrip()}\n{fence}"
