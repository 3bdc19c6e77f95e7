"""The `.hydra` folder of a job that Hydra did not start itself, so that it is as complete as any run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweepboard import plain_yaml
from sweepboard.lifecycle.execute import config_text
from sweepboard.lifecycle.folder import RunFolder
from sweepboard.lifecycle.secrets import masked_text

COMPOSED = "multirun.yaml"
"""Hydra's name for what was composed for a sweep as a whole, with its `hydra` block."""


def write_hydra_files(folder: RunFolder, job: Mapping[str, Any]) -> None:
    """Write `.hydra/{config,hydra,overrides}.yaml` of a job, secrets masked, unless they are there."""
    place = folder.path / ".hydra"
    if place.exists():
        return
    place.mkdir()
    (place / "config.yaml").write_text(config_text(job["config"]))
    (place / "overrides.yaml").write_text(plain_yaml.dump([masked_text(word) for word in job["overrides"]]))
    (place / "hydra.yaml").write_text(plain_yaml.dump({"hydra": _hydra_block(folder, job)}))


def _hydra_block(folder: RunFolder, job: Mapping[str, Any]) -> dict[str, Any]:
    block: dict[str, Any] = plain_yaml.load((folder.path.parent / COMPOSED).read_text())["hydra"]
    block["overrides"]["task"] = [masked_text(word) for word in job["overrides"]]
    block["runtime"]["output_dir"] = str(folder.path.absolute())
    block["sweep"] |= {"dir": str(folder.path.parent), "subdir": folder.path.name}
    return block
