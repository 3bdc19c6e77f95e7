"""The traceback of an error in a user's code, without the frames of the libraries that called it."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

import sweepboard

_LIBRARIES = (
    str(Path(sweepboard.__file__).parent),
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    "<frozen",
)


def users_traceback(error: BaseException) -> str:
    """Return the traceback from the first frame of the user's code on; the whole one if there is none."""
    first = users_frame(error.__traceback__) or error.__traceback__
    return "".join(traceback.format_exception(type(error), error, first))


def users_frame(trace: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins in the user's code, or None."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_LIBRARIES):
        trace = trace.tb_next
    return trace
