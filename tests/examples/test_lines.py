"""No example is longer than the same for Lightning, or for what else its users would take; and those run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sweepboard.board.scalar_reader import read_scalars
from sweepboard.data.datasets.idx import write_idx
from tests.examples.example import EXAMPLES, FOLDER, PROGRAMS
from tests.examples.lines import ELSEWHERE, code_lines, elsewhere, ours, theirs

NAMES = sorted([*PROGRAMS, *(example.name for example in EXAMPLES)])
NEEDS = {each.name: each.needs for each in EXAMPLES}

LIBRARIES = {
    "lightning": ("Lightning", "lightning"),
    "trainer": ("`Trainer` of Hugging Face", "accelerate"),
    "hydra": ("Hydra and torch", "hydra"),
    "torch": ("torch", "torch"),
}
"""What the end of a script's name stands for, and the package that it needs."""

TAGS = {
    "detection": "val/average_precision",
    "gan": "val/moments",
    "language_model": "val/bits_per_byte",
    "physics_informed": "val/error",
    "segmentation": "val/iou",
    "sequence_classification": "eval/accuracy",
    "simclr": "val/probe_accuracy",
    "streaming": "val/r2",
    "summary_writer": "Loss/train",
    "tabular": "val/auroc",
    "vae": "val/kl",
    "diffusion": "val/loss",
}
"""What its log has to hold; `val/accuracy` by default."""

WORDS = {
    "own_training_function": ("steps=20", "steps=40", "+resume={}"),
    "summary_writer": ("--epochs=3", "--epochs=6", "--resume={}"),
}
"""How the programs are made short and resumed; the others take `--resume`."""


def test_each_example_has_its_counterpart() -> None:
    assert sorted(path.stem.split("_in_")[0] for path in ELSEWHERE.glob("*_in_*.py")) == NAMES
    assert {path.stem.split("_in_")[1] for path in ELSEWHERE.glob("*_in_*.py")} == {*LIBRARIES}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_not_longer_than_elsewhere(name: str) -> None:
    assert sum(ours(name)) <= theirs(name)


def test_the_readme_says_how_long_they_are() -> None:
    rows = re.findall(r"^\| (\w+) \| (\d+) \+ (\d+) = (\d+) \| (\d+) \| (.+) \|$", readme(), re.MULTILINE)
    expected = [
        (name, *map(str, (*ours(name), sum(ours(name)), theirs(name))), library(name)[0]) for name in NAMES
    ]
    assert rows == expected, "\n".join(
        f"| {name} | {python} + {yaml} = {both} | {other} | {title} |"
        for name, python, yaml, both, other, title in expected
    )


def readme() -> str:
    return (FOLDER / "README.md").read_text()


def library(name: str) -> tuple[str, str]:
    return LIBRARIES[elsewhere(name).stem.split("_in_")[1]]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_resumes_elsewhere_too(name: str, tmp_path: Path) -> None:
    for package in (library(name)[1], *NEEDS.get(name, ())):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    shutil.copytree(FOLDER / name, tmp_path, dirs_exist_ok=True)
    for script in (elsewhere(name), ELSEWHERE / "fashion.py"):
        shutil.copy(script, tmp_path)
    write_fashion(tmp_path / "data" / "FashionMNIST" / "raw")
    first, *second = WORDS.get(name, ("--lr=0.01", "--lr=0.01", "--resume={}"))
    runner = Path(__file__).with_name("few_steps.py")
    done = subprocess.run(
        [sys.executable, runner, elsewhere(name).name, first, "--", *second],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    events = list(tmp_path.rglob("events.out.tfevents.*"))
    tags = {tag for folder in {path.parent for path in events} for tag in read_scalars(folder)}
    assert TAGS.get(name, "val/accuracy") in tags


def write_fashion(folder: Path) -> None:
    """Write grey noise where torchvision looks for Fashion-MNIST."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part, count in (("train", 4500), ("t10k", 1000)):
        images = generator.integers(256, size=(count, 28, 28), dtype=np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", generator.integers(10, size=count, dtype=np.uint8))


MODULE = '''"""A module.

Of two parts.
"""

# a comment
x = (
    1,  # one
)

def f():
    """Nothing."""
'''


def test_blank_lines_comments_and_docstrings_do_not_count() -> None:
    assert code_lines(MODULE) == {7, 8, 9, 11}


def test_what_a_script_takes_from_the_example_counts() -> None:
    lines = len(code_lines(elsewhere("vae").read_text()))
    assert theirs("vae") == lines + 12 + 5  # the model, and the loaders that scripts share
