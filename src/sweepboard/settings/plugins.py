"""The settings of Hydra's plug-ins of ours: of searches and of launchers."""

from __future__ import annotations

from collections.abc import Sequence

SEARCH = "hydra.sweeper"
"""Where the settings of a search stand in the configuration."""

LAUNCHER = "hydra.launcher"
"""Where those of a launcher stand."""


def plugin_settings(block: str) -> Sequence[type]:
    """Return the classes of the settings that may stand in `block`, imported only now."""
    if block == SEARCH:
        from sweepboard.settings.search import SearchSettings

        return [SearchSettings]
    from sweepboard.settings.ray import RaySettings
    from sweepboard.settings.slurm import SlurmSettings

    return [SlurmSettings, RaySettings]
