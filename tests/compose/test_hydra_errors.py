"""Every mistake with the exact line it is answered with."""

# ruff: noqa: E501 - the lines are kept whole, so that they can be searched for

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.preparing import Mistake, Prepare

MISTAKES = {
    # Keys and options.
    "trainer.epoch=3": "trainer.epoch: there is no such setting; did you mean trainer.epochs?",
    "lr=0.1": "lr: there is no such setting; did you mean optimizer.lr?",
    "modle=cnn": "modle: there is no such setting; did you mean model?",
    "precision=bf16": "precision: there is no such setting; did you mean trainer.precision?",
    "+trainer.foo=1": "trainer.foo: there is no such setting; did you mean trainer.nodes?",
    "+xyzzy=1": "xyzzy: there is no such setting; sweepboard --help lists them all",
    "model=cn": "model=cn: there is no such option; choose from cnn, linear, mlp, resnet18",
    "model=null": "model=null: there is no such option; choose from cnn, linear, mlp, resnet18",
    "optimizer=torch.optim.Adam": (
        "optimizer=torch.optim.Adam: there is no such option; "
        "for a class, type optimizer._target_=torch.optim.Adam"
    ),
    "+model=mlp": "+model: is chosen already; leave out the +",
    "+seed=3": "+seed: is there already; leave out the +",
    "+hydra.sweep.subdir=x": "+hydra.sweep.subdir: is there already; leave out the +",
    "hydra/swepper=optuna": "hydra/swepper: there is no such group; did you mean hydra/sweeper?",
    "dataset.shuffle=no": "dataset.shuffle: needs true or false, got no",
    "~seeed": "~seeed: there is nothing of that name to delete; did you mean seed?",
    "~model.nope": ("~model.nope: there is nothing of that name to delete; sweepboard --help lists them all"),
    "~model.dropout=7": "~model.dropout=7: its value is 0.5; type ~model.dropout to delete any",
    "~trainer.epochs": "~trainer.epochs: a setting cannot be deleted; give it another value",
    "facts.outputs=3": "facts.outputs: follows from the data set and the length of the run; leave it out",
    "~model": "model._target_: no class is named; type one, or model= and one of cnn, linear, mlp, resnet18",
    "scheduler.gamma=1": (
        "scheduler.gamma: there is no scheduler to take it; choose one, such as scheduler=cosine"
    ),
    # Grammar.
    "foo": "foo: an override is written key=value",
    "=3": "=3: an override is written key=value",
    "model.hidden=[1": (
        "model.hidden=[1: cannot be read; close every bracket, and quote special characters twice, "
        """as in 'key="a b, c"'"""
    ),
    "seed=1,2": "seed=1,2: several values are a sweep, add -m; a list is written seed=[1,2]",
    # Types, words and ranges of our own settings.
    "trainer.epochs=many": "trainer.epochs: needs an integer, got many",
    "trainer.epochs=1.5": "trainer.epochs: needs an integer, got 1.5",
    "trainer.epochs=null": "trainer.epochs: needs an integer, got null",
    "trainer.compile=maybe": "trainer.compile=maybe: choose from false, true, reduce-overhead, max-autotune",
    "trainer.early_stopping=3": (
        "trainer.early_stopping: holds several settings; "
        "give one of them a value, such as trainer.early_stopping.patience"
    ),
    "dataset.batch_size=many": "dataset.batch_size: needs an integer, got many",
    "trainer.precision=bf61": "trainer.precision=bf61: choose from fp32, bf16, fp16",
    "dataset.validate_on=tset": "dataset.validate_on=tset: choose from split, test",
    "dataset.augment=rotate": (
        "dataset.augment=rotate: choose from none, crop, flip, crop_flip, resized_crop, resized_crop_flip"
    ),
    "scheduler.interval=batch": "scheduler.interval=batch: choose from step, epoch, validation",
    "trainer.checkpoint.mode=best": "trainer.checkpoint.mode=best: choose from min, max",
    "device=gpu": "device=gpu: choose from auto, cpu, cuda, cuda:1, mps",
    "trainer.epochs=0": "trainer.epochs: must be 1 or more, got 0",
    "trainer.accumulate=-1": "trainer.accumulate: must be 1 or more, got -1",
    "trainer.grad_clip=0.0": "trainer.grad_clip: must be a number above 0, got 0.0",
    "trainer.grad_clip=nan": "trainer.grad_clip: must be a number above 0, got nan",
    "dataset.batch_size=0": "dataset.batch_size: must be 1 or more, got 0",
    "dataset.val_fraction=1.0": "dataset.val_fraction: must be at least 0 and less than 1, got 1.0",
    "dataset.workers=-1": "dataset.workers: must be 0 or more, got -1",
    "threads=0": "threads: must be 1 or more, got 0",
    "seed=-1": "seed: must be from 0 to 4294967295, got -1",
    "optimizer.lr=0": "optimizer.lr: must be a finite number above 0, got 0",
    "optimizer.lr=-0.1": "optimizer.lr: must be a finite number above 0, got -0.1",
    "optimizer.lr=nan": "optimizer.lr: must be a finite number above 0, got nan",
    "optimizer.lr=inf": "optimizer.lr: must be a finite number above 0, got inf",
    # Interpolations.
    "dataset=image_folder": "dataset.root: a value is needed; type dataset.root=...",
    "model.dropout=${oc.env:SWEEPBOARD_NOT_SET}": (
        "model.dropout: environment variable SWEEPBOARD_NOT_SET is not set"
    ),
    "trainer.epochs=${oc.env:SWEEPBOARD_NOT_SET}": (
        "trainer.epochs: environment variable SWEEPBOARD_NOT_SET is not set"
    ),
    "model.dropout=${optimizer.lrr}": (
        "model.dropout: ${optimizer.lrr} refers to nothing; did you mean optimizer.lr?"
    ),
    "model.dropout=${nope:1}": (
        "model.dropout: there is no resolver ${nope:...}; "
        "name the module that registers it: imports=[my_module]"
    ),
    "model.dropout=${model.dropout}": "model.dropout: cannot be resolved: Recursive interpolation detected",
    # Arguments of constructors.
    "optimizer.learning_rate=0.1": (
        "optimizer.learning_rate: torch.optim.Adam has no such argument; did you mean optimizer.lr?"
    ),
    "model.droput=0.1": (
        "model.droput: sweepboard.models.CNN has no such argument; did you mean model.dropout?"
    ),
    "dataset.batchsize=3": (
        "dataset.batchsize: sweepboard.data.FashionMini has no such argument; "
        "did you mean dataset.batch_size?"
    ),
    "optimizer.params=3": "optimizer.params: given by sweepboard itself; leave it out",
    "model.dense=2.5": "model.dense: needs an integer, got 2.5",
    "model.channels=32": "model.channels: needs a list, each an integer, got 32",
    "model.channels=[32,x]": "model.channels: needs a list, each an integer, got [32, 'x']",
    "optimizer.lr=fast": "optimizer.lr: needs a number or Tensor, got fast",
    "optimizer.amsgrad=3": "optimizer.amsgrad: needs true or false, got 3",
    "optimizer.betas=[0.9]": "optimizer.betas: needs a list of 2, each a number or Tensor, got [0.9]",
    "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR": (
        "scheduler.gamma: torch.optim.lr_scheduler.ExponentialLR needs this argument; "
        "type scheduler.gamma=..."
    ),
    "task.loss=torch.nn.HuberLoss": (
        "task.loss: needs a function or null, got torch.nn.HuberLoss; type task.loss._target_=torch.nn.HuberLoss"
    ),
    "task.loss=torch.nn.functional.l1_loss": (
        "task.loss: needs a function or null, got torch.nn.functional.l1_loss; type "
        "'task.loss={_target_: hydra.utils.get_method, path: torch.nn.functional.l1_loss}'"
    ),
    "task.loss=torch.nn.HuberLos": "task.loss: there is no HuberLos in torch.nn; did you mean torch.nn.HuberLoss?",
    "task.loss=huber": "task.loss: needs a function or null, got huber",
    # Targets.
    "model._target_=my_net.Net": (
        "model._target_: there is no module my_net here or among the installed packages"
    ),
    "optimizer._target_=torch.optim.Adamm": (
        "optimizer._target_: there is no Adamm in torch.optim; did you mean torch.optim.Adam?"
    ),
    "model._target_=torch.nn": "model._target_: torch.nn is a module; name a class or a function",
    "model._target_=torch.float32": "model._target_: torch.float32 is a dtype; name a class or a function",
    "model._target_='a b'": "model._target_: 'a b' is not the dotted name of a class, such as torch.optim.Adam",
    # Values that a constructor refuses.
    "optimizer.betas=[2,0.9]": (
        "optimizer: torch.optim.Adam cannot be built: ValueError: Invalid beta parameter at index 0: 2"
    ),
    "model.dropout=2": (
        "model: sweepboard.models.CNN cannot be built: ValueError: "
        "dropout probability has to be between 0 and 1, but got 2"
    ),
    # Parts that do not fit each other.
    "dataset=line": (
        "task: sweepboard.tasks.Classification needs classes, but the targets here are real numbers; "
        "use task=regression, task=multilabel for labels of 0 or 1, or make them whole where they are numbers "
        "of classes (target.long())"
    ),
    "task=regression": (
        "task: sweepboard.tasks.Regression needs real numbers, but the targets here are classes; "
        "use task=classification"
    ),
    "model.outputs=7": (
        "model: sweepboard.models.CNN gives for inputs of shape (batch, 1, 28, 28) outputs of shape (batch, 7), "
        "but the data set needs (batch, 10)"
    ),
    "trainer.early_stopping.metric=acuracy": (
        "trainer.early_stopping.metric=acuracy: there is no such metric; did you mean accuracy?"
    ),
    "trainer.precision=fp16": (
        "trainer.precision=fp16: needs a GPU, and this run is on the CPU; use bf16 or fp32"
    ),
}


@pytest.mark.parametrize(("word", "line"), MISTAKES.items())
def test_one_word_is_wrong(word: str, line: str, mistake: Mistake) -> None:
    words = [word, "device=cpu"] if not word.startswith("device") else [word]
    assert mistake(*words) == line


TOGETHER = [
    (
        ["dataset=image_folder", "dataset.root=nowhere"],
        "dataset.root: there is no folder nowhere",
    ),
    (
        ["dataset=line", "task=regression"],
        "model=cnn needs images of shape (channels, height, width), but a sample of this data set has shape (1,): "
        "use model=mlp",
    ),
    (
        ["dataset=gaussian", "model=mlp", "dataset.samples=${facts.steps}"],
        "dataset.samples: ${facts.steps} follows from the data set; give a value",
    ),
    (
        ["scheduler=plateau", "dataset.val_fraction=0"],
        "scheduler.interval: needs a validation, and there is none; set dataset.val_fraction=0.1",
    ),
    (
        ["trainer.early_stopping.patience=2", "dataset.val_fraction=0"],
        "trainer.early_stopping.patience: needs a validation, and there is none; set dataset.val_fraction=0.1",
    ),
    (
        ["task._target_=torch.nn.CrossEntropyLoss", "task.reduction=none"],
        "task: torch.nn.CrossEntropyLoss must give one number for a batch, not one per sample",
    ),
    (
        ["model._target_=torchvision.models.mobilenet_v3_small", "model.num_classes=10"],
        "model: torchvision.models.mobilenet_v3_small cannot take inputs of shape (batch, 1, 28, 28): RuntimeError: "
        "Given groups=1, weight of size [16, 3, 3, 3], expected input[2, 1, 28, 28] to have 3 channels, "
        "but got 1 channels instead",
    ),
    (
        ["dataset._target_=torchvision.datasets.MNIST", "dataset.root=nowhere"],
        "dataset: torchvision.datasets.MNIST cannot be built: RuntimeError: Dataset not found. "
        "You can use download=True to download it",
    ),
]


@pytest.mark.parametrize(("words", "line"), TOGETHER)
def test_words_do_not_go_together(words: list[str], line: str, mistake: Mistake) -> None:
    assert mistake(*words) == line


@pytest.mark.parametrize("how", ["true", "reduce-overhead"])
def test_a_compiler_that_is_not_there(how: str, mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    told = f"trainer.compile={how} on the CPU needs a C++ compiler: install g++, or leave it out"
    assert mistake(f"trainer.compile={how}", "device=cpu") == told


def test_a_gpu_that_is_not_there(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert mistake("device=cuda") == "device=cuda: torch finds no CUDA GPU here; use device=cpu, or auto"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert mistake("device=cuda:2") == "device=cuda:2: there are 2 GPUs here, counted from 0"


YAML: dict[str, tuple[bytes, str]] = {
    "model/broken.yaml": (b"hidden: '1\n", "{dir}/model/broken.yaml, line 2: not valid YAML: found unexpected end of stream"),
    "model/twice.yaml": (b"a: 1\na: 2\n", "{dir}/model/twice.yaml, line 2: not valid YAML: found duplicate key a"),
    "model/twice_below.yaml": (
        b"a:\n  b: 1\n  c: 2\n  b: 3\n",
        "{dir}/model/twice_below.yaml, line 4: not valid YAML: found duplicate key b",
    ),
    "model/lists.yaml": (
        b"defaults: [mlp]\nhidden: [3]\ndefaults: [mlp]\n",
        "{dir}/model/lists.yaml, line 3: not valid YAML: found duplicate key defaults",
    ),
    "model/tab.yaml": (
        b"a:\n\tb: 1\n",
        "{dir}/model/tab.yaml, line 2: not valid YAML: indented with a tab; type spaces",
    ),
    "model/tab_in_list.yaml": (
        b"defaults:\n  - mlp\n\t- other\n",
        "{dir}/model/tab_in_list.yaml, line 3: not valid YAML: indented with a tab; type spaces",
    ),
    "model/latin.yaml": (b"a: \xff\n", "{dir}/model/latin.yaml is not UTF-8 text"),
    "experiment/key.yaml": (
        b"# @package _global_\ntrainer:\n  epocs: 3\n",
        "{dir}/experiment/key.yaml, line 3: trainer.epocs: there is no such setting; did you mean trainer.epochs?",
    ),
    "experiment/type.yaml": (
        b"# @package _global_\ntrainer:\n  epochs: many\n",
        "{dir}/experiment/type.yaml, line 3: trainer.epochs: needs an integer, got many",
    ),
    "experiment/group.yaml": (
        b"# @package _global_\ndefaults:\n  - override /modle: cnn\n",
        "experiment/group.yaml: override modle: there is no such group; did you mean model?",
    ),
    "experiment/option.yaml": (
        b"# @package _global_\ndefaults:\n  - override /optimizer: adm\n",
        "optimizer=adm: there is no such option; choose from adam, adamw, muon, sgd",
    ),
    "trainer/base.yaml": (
        b"defaults:\n  - defalt\n",
        "trainer/base.yaml: trainer=defalt: there is no such option; choose from base, debug, default",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", YAML)
def test_a_file_of_the_users_is_wrong(name: str, mistake: Mistake, tmp_path: Path) -> None:
    content, line = YAML[name]
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes(content)
    group, option = name.removesuffix(".yaml").split("/")
    assert mistake(f"{group}={option}", config_dir=tmp_path) == line.format(dir=tmp_path)


MODULES = {
    "raises.py": (
        "import no_such_module\n",
        "model._target_: raises cannot be imported: ModuleNotFoundError: No module named 'no_such_module' "
        "(raises.py, line 1)",
    ),
    "syntax.py": (
        "x = 1\ny = = 2\n",
        "model._target_: syntax cannot be imported: SyntaxError: invalid syntax (syntax.py, line 2)",
    ),
    "leaves.py": (
        "import sys\nsys.exit(0)\n",
        "model._target_: leaves cannot be imported: SystemExit: 0 (leaves.py, line 2)",
    ),
    "typo.py": ("class Net: ...\n", "model._target_: there is no Nett in typo; did you mean typo.Net?"),
    "no_module.py": ("class Nett: ...\n", "model: no_module.Nett gave a Nett, not a torch.nn.Module"),
    "needs.py": (
        "class Nett:\n    def __init__(self, width): ...\n",
        "model.width: needs.Nett needs this argument; type model.width=...",
    ),
    "refuses.py": (
        "class Nett:\n    def __init__(self):\n        raise ValueError('width must be even')\n",
        "model: refuses.Nett cannot be built: ValueError: width must be even (refuses.py, line 3)",
    ),
    "pair.py": (
        "from torch import nn\nclass Nett(nn.Flatten):\n    def forward(self, x):\n        return x, x\n",
        "model: pair.Nett gives for inputs of shape (batch, 1, 28, 28) a tuple, but one tensor is needed: "
        "let its forward return the first of them alone",
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_class_of_the_users_is_wrong(
    name: str, mistake: Mistake, module: Callable[[str, str], None]
) -> None:
    source, line = MODULES[name]
    module(name.removesuffix(".py"), source)
    assert mistake(f"model._target_={name.removesuffix('.py')}.Nett") == line


def test_a_bug_of_the_users_keeps_its_traceback(prepare: Prepare, module: Callable[[str, str], None]) -> None:
    module(
        "buggy",
        "from torch import nn\nclass Net(nn.Flatten):\n    def forward(self, x):\n        return x.foo\n",
    )
    with pytest.raises(AttributeError, match="foo") as raised:
        prepare("model._target_=buggy.Net")
    assert str(raised.traceback[-1].path).endswith("buggy.py")
    module(
        "crash", "from torch import nn\nclass Net(nn.Flatten):\n    def __init__(self):\n        {}['a']\n"
    )
    with pytest.raises(KeyError) as failed:
        prepare("model._target_=crash.Net")
    assert str(failed.traceback[-1].path).endswith("crash.py")


def test_mistakes_are_found_before_data_is_opened(
    mistake: Mistake, module: Callable[[str, str], None]
) -> None:
    module("opened", "class Data:\n    def __init__(self):\n        raise KeyError('opened')\n")
    line = mistake("dataset._target_=opened.Data", "optimizer.lrr=1", "trainer.precision=fp31")
    assert line == "trainer.precision=fp31: choose from fp32, bf16, fp16"
    assert mistake("dataset._target_=opened.Data", "optimizer.lrr=1").startswith("optimizer.lrr: ")
