"""A plug-in of Hydra that cannot be imported is named in one line, for single runs and sweeps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("broken", ["raise ValueError('mutable default')", "1 / 0", "None.name"])
@pytest.mark.parametrize("words", [["seed=1"], ["-m", "seed=1,2"]], ids=["run", "sweep"])
@pytest.mark.slow
def test_a_broken_plugin_is_named(broken: str, words: list[str], tmp_path: Path) -> None:
    package = tmp_path / "path" / "hydra_plugins" / "broken"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(broken)
    done = subprocess.run(
        [sys.executable, "-m", "sweepboard", "trainer=debug", "model=mlp", "dataset=gaussian", *words],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "path")},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2, done.stderr
    assert "the Hydra plug-in hydra_plugins.broken" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
