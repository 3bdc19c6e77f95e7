"""Where the YAML of a training function of the user's own is: Hydra composes it without our config groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf

from sweepboard.compat.hydra import FileConfigSource, store_config
from sweepboard.settings import PROGRAM

PRIMARY = "sweepboard_program"
"""Name of the primary configuration: the user's own, with what sweepboard needs around it."""

_VALUES, _PLUGINS = "sweepboard_program_values", "sweepboard_program_plugins"


@dataclass(frozen=True)
class ProgramYaml(Sequence[Path]):
    """The user's own folders of YAML, as a sequence, and the name of the primary configuration in them."""

    folders: tuple[Path, ...] = ()
    config: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the function (`settings.ProgramSettings`) and its `_target_`."""

    name: str = "sweepboard"
    """What `${hydra:job.name}` is."""

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...

    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        return self.folders[index]

    def __len__(self) -> int:
        return len(self.folders)

    def store(self, shipped: Path) -> None:
        """Register the primary configuration with Hydra.

        The user's own comes between our values and our choice of plug-ins: a value is taken from the last
        that sets it, and an option of a group from the first.
        """
        own = [] if self.config is None else [self.config]
        store_config(PRIMARY, {"defaults": [_VALUES, *own, _PLUGINS, "_self_"]})
        sweeps = _load(shipped / "sweeps.yaml")
        config = _load(shipped / "config.yaml")
        values = {key: config[key] for key in ("output_root", "threads", "imports", "hydra")}
        program = (
            _load(shipped / "program.yaml")[PROGRAM]
            | {"_target_": None, "config": self.config}
            | dict(self.settings)
        )
        store_config(_VALUES, {**values, "sweep": sweeps["sweep"], PROGRAM: program})
        plugins = [item for item in sweeps["defaults"] if "override /hydra/job_logging" not in item]
        shown = {"override /hydra/job_logging": PROGRAM}
        store_config(_PLUGINS, {"defaults": [*plugins, shown, "_self_"]})


class HydraOptions(FileConfigSource):
    """The shipped options of Hydra's own groups; `model`, `optimizer` and so on are the user's here."""

    @staticmethod
    def scheme() -> str:
        return "sweepboard-hydra"

    def is_group(self, config_path: str) -> bool:
        return _is_hydras(config_path) and super().is_group(config_path)

    def is_config(self, config_path: str) -> bool:
        return _is_hydras(config_path) and super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        names = super().list(config_path, results_filter)
        return names if config_path else [name for name in names if name == "hydra"]


def _is_hydras(config_path: str) -> bool:
    return config_path == "" or config_path.partition("/")[0] == "hydra"


def _load(file: Path) -> dict[str, Any]:
    loaded: Any = OmegaConf.to_container(OmegaConf.load(file))
    return dict(loaded)
