"""Every shipped YAML composes, is known to the code, and says what it is for."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sweepboard.compose.locate import PUBLIC
from sweepboard.errors import ConfigError
from sweepboard.settings import NAMED_GROUPS
from tests.preparing import Prepare

CONF = Path(str(files("sweepboard.conf")))
OPTIONS = sorted(path.relative_to(CONF).with_suffix("").as_posix() for path in CONF.glob("*/*.yaml"))
NEEDS = {
    "callbacks/freeze": ["callbacks.freeze.patterns=[features.0.*]"],
    "dataset/line": ["task=regression", "model=linear"],
    "dataset/gaussian": ["model=mlp"],
    "dataset/image_folder": ["dataset.root=photos"],
    "dataset/token_file": [
        "dataset.path=tokens.bin",
        "model={_target_: next_token.Bigram}",
        "task={_target_: next_token.NextToken}",
    ],
    "task/multilabel": ["dataset={_target_: next_token.labels}", "model=linear"],
    "task/regression": ["dataset=line", "model=linear"],
}

NEXT_TOKEN = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
from sweepboard.tasks import Task

class Bigram(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Embedding(1000, 4), nn.Linear(4, 1000))

class NextToken(Task):
    def training_step(self, model, batch):
        tokens, following = batch
        return nn.functional.cross_entropy(model(tokens).flatten(0, 1), following.flatten())

def labels():
    inputs = torch.rand(40, 3)
    return TensorDataset(inputs, (inputs > 0.5).float())
"""


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.usefixtures("photos", "tokens")
def test_every_option_composes_and_fits(option: str, prepare: Prepare) -> None:
    group, _, name = option.partition("/")
    prepared = prepare(f"{group}={name}", *NEEDS.get(option, []))
    if group in NAMED_GROUPS:
        assert [*prepared.config.values[group]] == ([] if name == "none" else [name])
    else:
        assert prepared.config.groups[group] == name


def test_targets_of_ours_are_public_names() -> None:
    texts = [path.read_text() for path in CONF.rglob("*.yaml")]
    ours = {name for text in texts for name in re.findall(r"_target_: *(sweepboard\.[\w.]+)", text)}
    assert ours, "YAML names classes of ours"
    for module, _, name in (target.rpartition(".") for target in ours):
        assert module in PUBLIC
        assert name in import_module(module).__all__


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("sweepboard.models.cnn.CNN", "type sweepboard.models.CNN"),
        ("sweepboard.training.tasks.Regression", "type sweepboard.tasks.Regression"),
        ("sweepboard.files.write_atomic", "those are in sweepboard.data, sweepboard.models"),
    ],
)
def test_a_file_of_ours_is_no_public_name(typed: str, hint: str, prepare: Prepare) -> None:
    with pytest.raises(ConfigError, match=f"model._target_: {typed} is no public name of sweepboard; {hint}"):
        prepare(f"model={{_target_: {typed}}}")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `photos` with two classes, and the working directory beside it."""
    monkeypatch.chdir(tmp_path)
    for name in ("train/cat", "train/dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def tokens(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed file of tokens in the working directory, and a model of them."""
    np.arange(1000, dtype=np.uint16).tofile(photos.with_name("tokens.bin"))
    photos.with_name("next_token.py").write_text(NEXT_TOKEN)
    monkeypatch.syspath_prepend(photos.parent)


@pytest.mark.parametrize(
    "path", sorted(CONF.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_file_explains_its_keys(path: Path) -> None:
    text = path.read_text()
    first, *lines = text.splitlines()
    assert first.startswith("#")
    if path.parent.name == "experiment":
        assert lines[0].startswith("# sweepboard ")  # the command that runs it
    elif (
        "defaults:" not in text or path.stem == "config"
    ):  # what a file only changes is explained in its base
        keys = [line for line in lines if re.match(r" *[a-z]\w*: *\S", line)]
        assert [line for line in keys if "#" not in line] == []


def test_the_presets_are_the_tutorials(prepare: Prepare) -> None:
    cnn = prepare("experiment=fashion_cnn").config.values
    assert cnn["dataset"]["validate_on"] == "test"
    assert (cnn["dataset"]["batch_size"], cnn["optimizer"]["lr"], cnn["trainer"]["epochs"]) == (
        64,
        0.001,
        100,
    )
    assert (cnn["logging"]["every_steps"], cnn["logging"]["graph"]) == (100, True)
    assert cnn["facts"]["steps_per_epoch"] == 938
    mlp = prepare("experiment=gaussian_mlp").config.values
    assert (mlp["model"]["hidden"], mlp["facts"]["input_shape"], mlp["facts"]["classes"]) == ([128], [32], 10)
    assert (mlp["trainer"]["epochs"], mlp["logging"]["histograms"], mlp["logging"]["every_steps"]) == (
        5,
        1,
        None,
    )


def test_a_preset_can_be_debugged(prepare: Prepare) -> None:
    assert prepare("experiment=fashion_cnn", "trainer=debug").config.values["facts"]["steps"] == 6


def test_composing_needs_no_torch() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import sweepboard.names\n"
        "from sweepboard.settings import settings\n"
        "from sweepboard.compose.config_search import hydra_ready\n"
        "from sweepboard.compose.value_origins import origins\n"
        "from hydra import compose\n"
        "settings(), origins(['experiment=line'])\n"
        "with hydra_ready():\n"
        "    compose('config', ['model=mlp', 'optimizer.lr=0.1'])\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'matplotlib', 'tensorboard'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
