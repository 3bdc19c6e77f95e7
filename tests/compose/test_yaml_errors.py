"""A mistake in a preset is told with its file, the line and what to write."""

# ruff: noqa: E501 - the lines are kept whole, so that they can be searched for

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Command, write_files

G = "# @package _global_\n"
NODE = "_target_: torch.nn.ReLU\n"
FILES = {
    "experiment/base.yaml": G + "defaults:\n  - override /model: mlp\n  - override /dataset: gaussian\n",
    "experiment/nopkg.yaml": "defaults:\n  - override /model: mlp\n",
    "experiment/nopkg2.yaml": "seed: 3\n",
    "debug/nopkg3.yaml": "trainer: {epochs: 1}\n",
    "experiment/noover.yaml": G + "defaults:\n  - /model: mlp\n",
    "experiment/noover2.yaml": G + "seed: 1\n\ndefaults:\n  - /optimizer: sgd\n",
    "experiment/noover3.yaml": G + "defaults:\n  - base\n  - /scheduler: cosine\n",
    "experiment/noover4.yaml": G + "defaults:\n  - /hydra/launcher: basic\n",
    "experiment/dots3.yaml": G + "dataset.batch_size: 8\nseed: 1\n",
    "experiment/dots4.yaml": G + "model.path: 'a: b'\n",
    "experiment/dots5.yaml": G + "seed: 1\noptimizer.betas: [0.9, 0.99]\n",
    "experiment/dots6.yaml": G + "trainer.checkpoint:\n  every_steps: 1\n  keep: all\n",
    "experiment/body3.yaml": G + "dataset: line\n",
    "experiment/body4.yaml": G + "trainer: {epochs: 1}\nscheduler: cosine\n",
    "experiment/nopkg4.yaml": "defaults:\n  - override /optimizer: sgd\nseed: 1\n",
    "debug/nopkg5.yaml": "defaults:\n  - override /scheduler: cosine\n",
    "experiment/noslash3.yaml": G + "defaults:\n  - override dataset: line\n",
    "experiment/noslash4.yaml": G + "defaults:\n  - base\n  - override hydra/launcher: basic\n",
    "experiment/order2.yaml": G
    + "defaults:\n  - override /optimizer: sgd\n  - override /model: mlp\n  - base\n",
    "experiment/order3.yaml": G + "seed: 1\ndefaults:\n  - override /optimizer: sgd\n  - base\n",
    "experiment/hydra2.yaml": G + "seed: 2\ndefaults:\n  - override /hydra: default\n",
    "experiment/hydra3.yaml": G + "defaults:\n  - base\n  - override /hydra: null\n",
    "experiment/logging2.yaml": G + "defaults:\n  - override /hydra/hydra_logging: colrlog\n",
    "experiment/logging3.yaml": G + "defaults:\n  - override /hydra/job_logging: defualt\n",
    "hparams_search/s2.yaml": G + "seed: 1\n",
    "experiment/dots.yaml": G + "\noptimizer.lr: 0.3\n",
    "experiment/dots2.yaml": G + "seed: 3\ntrainer.early_stopping.patience: 2\n",
    "experiment/body.yaml": G + "model: mlp\n",
    "experiment/body2.yaml": G + "seed: 1\noptimizer: sgd\n",
    "experiment/noslash.yaml": G + "defaults:\n  - override model: mlp\n",
    "experiment/noslash2.yaml": G + "seed: 1\ndefaults:\n  - override hydra/sweeper: optuna\n",
    "experiment/order.yaml": G + "defaults:\n  - override /model: mlp\n  - base\n",
    "experiment/hydra.yaml": G + "defaults:\n  - override /hydra: foo\n",
    "experiment/logging.yaml": G + "defaults:\n  - override /hydra/hydra_logging: colorlog\n",
    "experiment/variable.yaml": G + "seed: 1\ndefaults:\n  - override /hydra/launcher: ${oc.env:NOT_SET}\n",
    "model/of.yaml": "defaults:\n  - act: ${nope}\n" + NODE,
    "model/noname.yaml": NODE + "table: {1: a, null: b}\n",
    "experiment/null2.yaml": G + "optimizer:\n  betas: {null: 1}\n",
    "debug/fast.yaml": G + "trainer: {epochs: 1}\n",
    "model/act/relu.yaml": NODE,
    "model/act/tanh.yaml": NODE,
    "model/two.yaml": "defaults: [act@a1: relu, act@a2: relu]\n" + NODE,
    "model/one.yaml": "defaults: [act@inner: relu]\n" + NODE,
    "model/plain.yaml": "defaults: [act: relu]\n" + NODE,
}

CASES = {
    "experiment=nopkg": "c/experiment/nopkg.yaml: has no package line; write # @package _global_ as its first line",
    "experiment=nopkg2": "c/experiment/nopkg2.yaml: has no package line; write # @package _global_ as its first line",
    "+debug=nopkg3": "c/debug/nopkg3.yaml: has no package line; write # @package _global_ as its first line",
    "experiment=noover": "c/experiment/noover.yaml, line 2: /model: config.yaml chooses one already; write `- override /model: mlp`",
    "experiment=noover2": "c/experiment/noover2.yaml, line 4: /optimizer: config.yaml chooses one already; write `- override /optimizer: sgd`",
    "experiment=dots": "c/experiment/dots.yaml, line 3: optimizer.lr: dots are for the command line; write optimizer: {lr: 0.3}",
    "experiment=dots2": (
        "c/experiment/dots2.yaml, line 3: trainer.early_stopping.patience: dots are for the command line; "
        "write trainer: {early_stopping: {patience: 2}}"
    ),
    "experiment=body": "c/experiment/body.yaml, line 2: model: an option is chosen among the defaults, as `- override /model: mlp`",
    "experiment=body2": "c/experiment/body2.yaml, line 3: optimizer: an option is chosen among the defaults, as `- override /optimizer: sgd`",
    "experiment=noslash": "c/experiment/noslash.yaml, line 2: override model: lacks a slash; write `- override /model: ...`",
    "experiment=noslash2": "c/experiment/noslash2.yaml, line 3: override hydra/sweeper: lacks a slash; write `- override /hydra/sweeper: ...`",
    "experiment=order": "c/experiment/order.yaml, line 2: overrides come last; write `- override /model: mlp` below `- base`",
    "experiment=hydra": "c/experiment/hydra.yaml, line 2: override hydra: choose its parts, as `- override /hydra/launcher: basic`",
    "experiment=noover3": "c/experiment/noover3.yaml, line 2: /scheduler: config.yaml chooses one already; write `- override /scheduler: cosine`",
    "experiment=noover4": "c/experiment/noover4.yaml, line 2: /hydra/launcher: config.yaml chooses one already; write `- override /hydra/launcher: basic`",
    "experiment=dots3": "c/experiment/dots3.yaml, line 2: dataset.batch_size: dots are for the command line; write dataset: {batch_size: 8}",
    "experiment=dots4": "c/experiment/dots4.yaml, line 2: model.path: dots are for the command line; write model: {path: 'a: b'}",
    "experiment=dots5": "c/experiment/dots5.yaml, line 3: optimizer.betas: dots are for the command line; write optimizer: {betas: [0.9, 0.99]}",
    "experiment=dots6": "c/experiment/dots6.yaml, line 2: trainer.checkpoint: dots are for the command line; write trainer: {checkpoint: ...}",
    "experiment=body3": "c/experiment/body3.yaml, line 2: dataset: an option is chosen among the defaults, as `- override /dataset: line`",
    "experiment=body4": "c/experiment/body4.yaml, line 3: scheduler: an option is chosen among the defaults, as `- override /scheduler: cosine`",
    "experiment=nopkg4": "c/experiment/nopkg4.yaml: has no package line; write # @package _global_ as its first line",
    "+debug=nopkg5": "c/debug/nopkg5.yaml: has no package line; write # @package _global_ as its first line",
    "experiment=noslash3": "c/experiment/noslash3.yaml, line 2: override dataset: lacks a slash; write `- override /dataset: ...`",
    "experiment=noslash4": "c/experiment/noslash4.yaml, line 2: override hydra/launcher: lacks a slash; write `- override /hydra/launcher: ...`",
    "experiment=order2": "c/experiment/order2.yaml, line 2: overrides come last; write `- override /model: mlp` below `- base`",
    "experiment=order3": "c/experiment/order3.yaml, line 3: overrides come last; write `- override /optimizer: sgd` below `- base`",
    "experiment=hydra2": "c/experiment/hydra2.yaml, line 3: override hydra: choose its parts, as `- override /hydra/launcher: basic`",
    "experiment=hydra3": "c/experiment/hydra3.yaml, line 2: override hydra: choose its parts, as `- override /hydra/launcher: basic`",
    "experiment=logging2": "hydra/hydra_logging=colrlog: there is no such option; choose from default, disabled,",
    "experiment=logging3": "hydra/job_logging=defualt: there is no such option; choose from default, disabled,",
    "hparams_search=s2": "hparams_search=s2: config.yaml has no such group; add it with a plus: +hparams_search=s2",
    "experiment=base +experiment=dots": "experiment: is chosen twice; write experiment=[base,dots]",
    "+experiment=[dots,body] experiment=base": "experiment: is chosen twice; write experiment=[base,dots,body]",
    "~model model=mlp": "~model: model=mlp is typed, too; leave one of them out",
    "scheduler=cosine ~scheduler": "~scheduler: scheduler=cosine is typed, too; leave one of them out",
    "++experiment=base": "++experiment=base: an option is chosen without pluses; type experiment=base",
    "experiment=base ++optimizer=sgd": "++optimizer=sgd: an option is chosen without pluses; type optimizer=sgd",
    "model=plain model.act=relu": "model.act=relu: is an option of a group; type model/act=relu",
    "hydra/sweeper/trials=3": "hydra/sweeper/trials: there is no such group; a setting is written hydra.sweeper.trials=...",
    "hydra/launcher/cores=2": "hydra/launcher/cores: there is no such group; a setting is written hydra.launcher.cores=...",
    "experiment=logging": (
        "hydra/hydra_logging=colorlog: there is no such option; pip install hydra-colorlog, "
        "or choose from default, disabled, hydra_debug, none"
    ),
    "experiment=variable": "c/experiment/variable.yaml, line 3: override /hydra/launcher: ${oc.env:NOT_SET} cannot be resolved: ",
    "model=of": "c/model/of.yaml, line 1: act: ${nope} cannot be resolved: ",
    "model=noname": "c/model/noname.yaml, line 2: table: null is no name; put it in quotes",
    "experiment=null2": "c/experiment/null2.yaml, line 3: optimizer.betas: null is no name; put it in quotes",
    "debug=fast": "debug=fast: config.yaml has no such group; add it with a plus: +debug=fast",
    "model=mlp model/act=tanh": "model/act=tanh: model=mlp has no such group; choose a model that has it, or add it with a plus: +model/act=tanh",
    "model/act=relu": "model/act=relu: the model that is chosen has no such group; choose a model that has it",
    "model=two model/act=tanh": "model/act=tanh: is placed elsewhere; type model/act@model.a1=tanh or model/act@model.a2=tanh",
    "model=one model/act=tanh": "model/act=tanh: is placed elsewhere; type model/act@model.inner=tanh",
    "model=plain model.act=tanh": "model.act=tanh: is an option of a group; type model/act=tanh",
    "hydra/sweeper/sampler=random": "hydra/sweeper/sampler: there is no such group; a setting is written hydra.sweeper.sampler=...",
    "hydra/launcher/jobs=2": "hydra/launcher/jobs: there is no such group; a setting is written hydra.launcher.jobs=...",
    "model=one +model=two": "+model=two: config.yaml chooses one already; type model=two",
    "optimizer@x=sgd": "optimizer@x=sgd: is placed elsewhere; type optimizer=sgd",
    "+experiment=base": "+experiment: is chosen already; leave out the +",
    "hydra/launcher=rq": "hydra/launcher=rq: there is no such option; pip install hydra-rq-launcher, or choose from basic",
    "hydra/sweeper=ax": "hydra/sweeper=ax: there is no such option; pip install hydra-ax-sweeper, or choose from basic, grid, optuna",
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(command: Command) -> None:
    write_files({f"c/{name}": text for name, text in FILES.items()})


@pytest.mark.parametrize("words", CASES)
def test_a_mistake_names_file_line_and_remedy(words: str, command: Command) -> None:
    said = command("--config-dir", "c", *words.split(), "--cfg", "job", code=2).line
    assert said.startswith(f"sweepboard: {CASES[words]}")


@pytest.mark.parametrize("option", ["default", "stdout", "disabled"])
def test_a_preset_chooses_how_hydra_logs(option: str, command: Command) -> None:
    Path("c/experiment/loud.yaml").write_text(G + f"defaults:\n  - override /hydra/job_logging: {option}\n")
    said = command("--config-dir", "c", "experiment=loud", "--cfg", "hydra", "-p", "hydra.job_logging").out
    assert said.count("version: 1") == 1
    assert ("ERROR" in said) is (option == "disabled")


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (
            "hydra.sweeper._target_=hydra_plugins.foo.Bar",
            "hydra: the plug-in hydra_plugins.foo.Bar is not installed; type",
        ),
        (
            "hydra.launcher._target_=hydra_plugins.x.Y",
            "hydra: the plug-in hydra_plugins.x.Y is not installed; type",
        ),
        (
            "hydra.launcher._target_=hydra_plugins.hydra_rq_launcher.rq_launcher.RQLauncher",
            "hydra: the plug-in hydra_plugins.hydra_rq_launcher.rq_launcher.RQLauncher is not installed; pip install hydra-rq-launcher",
        ),
        ("hydra.sweeper._target_=torch.nn.ReLU", "hydra: the plug-in torch.nn.ReLU is not installed; type"),
        (
            "hydra.sweeper._target_=hydra_plugins.hydra_ax_sweeper.ax_sweeper.AxSweeper",
            "hydra: the plug-in hydra_plugins.hydra_ax_sweeper.ax_sweeper.AxSweeper is not installed; pip install hydra-ax-sweeper",
        ),
    ],
)
def test_a_plug_in_that_is_not_installed(word: str, line: str, command: Command) -> None:
    assert command("-m", word, "seed=1,2", code=2).line.startswith(f"sweepboard: {line}")


def test_a_question_is_about_one_run(command: Command) -> None:
    said = command("-m", "--origin", "optimizer.lr=0.1,0.2", code=2).line
    assert said.startswith("sweepboard: leave out -m to be shown one run")


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("optimizer={_target_:torch.optim.SGD,lr:interval(0.01,0.1)}", "optimizer.lr=interval(0.01,0.1)"),
        ("optimizer={lr:tag(log,interval(0.01,0.1)),weight_decay:0}", "optimizer.lr=tag(log,interval(0.01,0.1))"),
        ("optimizer={_target_:torch.optim.SGD,lr:interval(1,2)},{lr:1}", "optimizer.lr=interval(1,2)"),
        ("trainer={epochs: range(1,3)}", "trainer.epochs=range(1,3)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("words", [["-m"], ["-m", "seed=1,2"], ["-m", "hydra/sweeper=optuna"]])
def test_values_in_a_mapping_are_told(words: list[str], word: str, remedy: str, command: Command) -> None:
    line = command(*words, word, code=2).line
    assert line.endswith(f"do not stand in a mapping or a list; type them beside it: '{remedy}'")


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("model.hidden+=[8,4]", "model.hidden+=[8,4]: type 'model.hidden=extend_list(8,4)' to add to a list"),
        ("model.hidden+=8", "model.hidden+=8: type 'model.hidden=extend_list(8)' to add to a list"),
        ("model.hidden.2=8", "model.hidden[2]: the list ends before; type 'model.hidden=extend_list(...)'"),
        ("+model.hidden.7=8", "model.hidden[7]: the list ends before; type 'model.hidden=extend_list(...)'"),
    ],
)
def test_how_a_list_is_extended_is_told(word: str, line: str, command: Command) -> None:
    assert command("model=mlp", word, "--cfg", "job", code=2).line.startswith(f"sweepboard: {line}")


@pytest.mark.parametrize("text", ["695e0514", "1e999", "-1.5e400", "[1, 12e3456]"])
def test_digits_that_would_be_infinite_are_told(text: str, command: Command) -> None:
    Path("c/experiment").mkdir(parents=True, exist_ok=True)
    Path("c/experiment/commit.yaml").write_text(f"# @package _global_\nmodel:\n  tag: {text}\n")
    line = command("--config-dir", "c", "experiment=commit", "--cfg", "job", code=2).line
    assert "c/experiment/commit.yaml, line 3: " in line
    assert "is larger than every number; as a text it is quoted, '" in line


@pytest.mark.parametrize("text", [".inf", "'695e0514'", "1e300", "695e0514x"])
def test_other_digits_are_read(text: str, command: Command) -> None:
    Path("c/experiment").mkdir(parents=True, exist_ok=True)
    Path("c/experiment/commit.yaml").write_text(f"# @package _global_\nmodel:\n  tag: {text}\n")
    assert "tag: " in command("--config-dir", "c", "experiment=commit", "--cfg", "job", "-p", "model").out
