"""Plug-ins of Hydra that are installed and cannot be imported: Hydra looks at all of them before any work."""

from __future__ import annotations

import traceback

from sweepboard.errors import reason

_OURS = "hydra_plugins.sweepboard"


def broken_plugin(error: BaseException) -> str | None:
    """The line for an error that came while a plug-in of somebody else was imported; None for any other."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = str(frame.f_globals.get("__name__"))
        if (
            frame.f_code.co_name == "<module>"
            and name.startswith("hydra_plugins.")
            and not name.startswith(_OURS)
        ):
            package = ".".join(name.split(".")[:2])
            return (
                f"the Hydra plug-in {package} ({frame.f_code.co_filename}) cannot be imported: "
                f"{reason(error)}; mend it or uninstall it"
            )
    return None
