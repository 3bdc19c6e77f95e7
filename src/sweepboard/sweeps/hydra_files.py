"""Write the `.hydra` folder of a job that Hydra did not start itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import yaml

from sweepboard import plain_yaml
from sweepboard.compose.plain_types import check_plain
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import reason
from sweepboard.files import read_text, write_atomic
from sweepboard.runs.execute import mask_hydra_files
from sweepboard.runs.folder import RunFolder
from sweepboard.secrets import masked_overrides
from sweepboard.sweeps.folder import SweepFolder

log = logging.getLogger(__name__)


def write_hydra_files(folder: RunFolder, config: RunConfig, number: int) -> None:
    """Write `.hydra/{config,hydra,overrides}.yaml` of a job; mask the secrets in those of Hydra."""
    place = folder.path / ".hydra"
    if place.exists():
        mask_hydra_files(folder)
        return
    place.mkdir()
    write_atomic(place / "config.yaml", config.text)
    write_atomic(place / "overrides.yaml", plain_yaml.dump(masked_overrides(config.overrides)))
    write_atomic(place / "hydra.yaml", plain_yaml.dump({"hydra": _hydra_block(folder, config, number)}))


def _hydra_block(folder: RunFolder, config: RunConfig, number: int) -> dict[str, Any]:
    block = _composed_block(SweepFolder(folder.path.parent).composed)
    for name, values in (
        ("overrides", {"task": masked_overrides(config.overrides)}),
        ("runtime", {"output_dir": str(folder.path.absolute())}),
        ("job", {"num": number, "id": f"job_id_for_{number}"}),
        ("sweep", {"dir": str(folder.path.parent), "subdir": folder.path.name}),
    ):
        was = block.get(name)
        block[name] = {**(was if isinstance(was, dict) else {}), **values}
    return block


def _composed_block(path: Path) -> dict[str, Any]:
    """Return Hydra's block of the sweep; empty if its file is missing or damaged."""
    try:
        content = plain_yaml.load(read_text(path))
        check_plain(dict[str, Any], content["hydra"] if isinstance(content, dict) else content)
    except (OSError, ValueError, KeyError, yaml.YAMLError) as error:
        log.warning("%s cannot be read, so that .hydra/hydra.yaml is short: %s", path, reason(error))
        return {}
    return dict(content["hydra"])
