"""Explain installed Hydra plug-ins that cannot be imported: Hydra imports all of them when it starts."""

from __future__ import annotations

import traceback

from sweepboard.errors import reason

_OURS = "hydra_plugins.sweepboard"


def broken_plugin(error: BaseException) -> str | None:
    """Return a message if `error` was raised while a third-party plug-in was imported, else None."""
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
