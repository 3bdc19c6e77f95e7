"""A real notebook kernel: runs, sweeps, classes and training functions of its cells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ipykernel")

NOTEBOOK = """
import sys
from queue import Empty
from jupyter_client.manager import start_new_kernel

cells = sys.stdin.read().split("# ---\\n")
manager, client = start_new_kernel()
try:
    for cell in cells:
        def show(message):
            content = message["content"]
            shown = content.get("data", {}).get("text/plain") or content.get("evalue", "")
            print(content.get("text") or shown, end="", flush=True)
        client.execute_interactive(cell, timeout=120, output_hook=show)
        print("\\n-----", flush=True)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""
CELLS = [
    "import sweepboard, torch\nF = ('trainer=debug', 'dataset=gaussian', 'threads=1', 'logging=minimal')",
    "class Net(torch.nn.Linear):\n"
    "    def __init__(self):\n        super().__init__(32, 10)\n"
    "run = sweepboard.run(*F, 'model._target_=__main__.Net')\nprint('ended', run.status)",
    "sweepboard.sweep(*F, 'model._target_=__main__.Net', 'seed=1,2')",
    "runs = sweepboard.sweep(*F, 'model=linear', 'seed=1,2')\nprint('ended', [one.status for one in runs])",
    "@sweepboard.main\ndef train(cfg, run):\n    run.log({'val/loss': cfg.lr}, 1)",
    "train()",
    "print(sweepboard.run('program._target_=__main__.train', '+lr=0.25').metrics)",
    "sweepboard.run('program._target_=__main__.train', '+lr=0.25', 'program.devise=cpu')",
]


@pytest.mark.slow
def test_what_its_cells_say(tmp_path: Path) -> None:
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "notebook.py"],
        input="# ---\n".join(f"{cell}\n" for cell in CELLS), cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.split("\n-----")
    assert "ended finished" in said[1]
    assert "__main__.Net is defined in a notebook or script, and the processes of a sweep cannot" in said[2]
    assert "ended ['finished', 'finished']" in said[3]
    assert (
        'train: a notebook has no command line; type sweepboard.run("program._target_=__main__.train")'
        in said[5]
    )
    assert "{'val/loss': 0.25}" in said[6]
    assert "program.devise" in said[7]
    assert "did you mean program.device?" in said[7]
