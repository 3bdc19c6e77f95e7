"""Find the event files of a folder."""

from __future__ import annotations

import os
from pathlib import Path


def event_files(folder: Path) -> list[Path]:
    """Return the event files directly in `folder`, in the order in which TensorBoard reads them."""
    return [path for name in event_file_names(folder) if (path := folder / name).is_file()]


def event_file_names(folder: Path) -> list[str]:
    """Return the names in `folder` that TensorBoard takes for event files; some may be links or folders."""
    return sorted(name for name in os.listdir(folder) if "tfevents" in name)  # noqa: PTH208
