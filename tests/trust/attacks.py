"""A run folder as a stranger could make it: every file of it may say anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sweepboard import plain_yaml
from sweepboard.compose.run_config import RunConfig
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.plan_bases import Base
from tests.command import change_record, refit

HUBCONF = "open('exploded', 'w')\nfrom torch import nn\ndef pwn(**k):\n    return nn.Linear(32, 10)\n"
HUB = {"repo_or_dir": "repo", "model": "pwn", "source": "local", "in_features": 784, "out_features": 10}
"""Arguments with which both `torch.nn.Linear` and `torch.hub.load` could be called."""


def hub(folder: Path) -> dict[str, Any]:
    """The same, with code to run below `folder`."""
    (folder / "repo").mkdir(exist_ok=True)
    (folder / "repo" / "hubconf.py").write_text(HUBCONF)
    return {**HUB, "repo_or_dir": str(folder / "repo")}


def edit_config(run: Path, **changes: Any) -> None:
    """Change config.yaml as a stranger would, which breaks its signature: `model__lr=1` is `model.lr`."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    for key, value in changes.items():
        *path, name = key.split("__") if "__" in key.strip("_") else [key]
        node = config
        for part in path:
            node = node[part]
        node[name] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    refit(run)


def edit_record(run: Path, **changes: Any) -> None:
    """Change run.json as a stranger would, with a checksum that fits."""
    change_record(run, **changes)


def edit_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_job(sweep: Path, label: str, change: Mapping[str, Any], checksum: bool = True) -> None:
    """Replace entries of a job's frozen configuration in sweep.json, and its checksum with one that fits."""

    def edit(plan: dict[str, Any]) -> None:
        job, bases = next(job for job in plan["jobs"] if job["label"] == label), plan["bases"]
        base = {name: value for name, value in bases[job["base"]].items() if name != "base"}
        frozen = {**Base(**base).with_changes(job["overrides"], job["changes"]).as_plain(), **change}
        parts = {name: frozen[name] for name in ("groups", "interpolations", "writes_only")}
        bases.append({**parts, "config": plain_yaml.dump(frozen["config"])})
        job |= {"base": len(bases) - 1, "changes": [], "overrides": frozen["overrides"]}
        if checksum:
            job["checksum"] = RunConfig.from_plain(frozen).checksum

    edit_json(SweepFolder(sweep).plan, edit)
