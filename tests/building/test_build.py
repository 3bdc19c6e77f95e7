"""Building: what the configuration says, seeded."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sweepboard.building.assemble import build_model
from sweepboard.building.build import build
from sweepboard.building.instantiate import construct
from sweepboard.building.prepare import prepare_resolved
from sweepboard.errors import ConfigError
from sweepboard.training.loop import fit
from tests.preparing import Prepare

SMALL = ("dataset=gaussian", "model=mlp", "model.hidden=[8]", "dataset.samples=40", "threads=1", "device=cpu")


def weights(prepare: Prepare, *words: str) -> dict[str, Tensor]:
    return build(prepare(*SMALL, *words)).learner.model.state_dict()


def test_weights_are_a_function_of_the_seed(prepare: Prepare) -> None:
    first, second, other = weights(prepare), weights(prepare), weights(prepare, "seed=1")
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_an_experiment_is_what_was_said(prepare: Prepare) -> None:
    experiment = build(prepare(*SMALL, "scheduler=onecycle", "trainer.epochs=2", "trainer.grad_clip=1.0"))
    learner = experiment.learner
    assert (experiment.seed, experiment.threads, experiment.device) == (0, 1, torch.device("cpu"))
    assert type(learner.optimizer) is torch.optim.Adam
    assert [type(each.scheduler) for each in learner.schedules] == [torch.optim.lr_scheduler.OneCycleLR]
    assert (experiment.trainer.epochs, experiment.trainer.grad_clip, learner.grad_clip) == (2, 1.0, 1.0)
    assert experiment.logging.every_steps == 50


@pytest.mark.parametrize(
    "words", [[], ["dataset.drop_last=true"], ["trainer.accumulate=2"], ["trainer.steps=5"]]
)
def test_the_length_foretold_is_the_length_of_the_run(words: list[str], prepare: Prepare) -> None:
    prepared = prepare(*SMALL, "dataset.batch_size=7", "trainer.epochs=2", *words)
    experiment = build(prepared)
    progress = fit(experiment.learner, experiment.data, experiment.trainer)
    assert progress.total_steps == prepared.config.values["facts"]["steps"]
    assert progress.steps_per_epoch == prepared.config.values["facts"]["steps_per_epoch"]


def test_a_saved_configuration_builds_the_same(prepare: Prepare) -> None:
    first = prepare(*SMALL)
    again = prepare_resolved(first.config)
    one, other = build(first).learner.model.state_dict(), build(again).learner.model.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_alone(prepare: Prepare) -> None:
    config = prepare(*SMALL).config
    assert [tuple(one.shape) for one in build_model(config).parameters()] == [(8, 32), (8,), (10, 8), (10,)]


@given((st.text(alphabet="\\${}a.:") | st.text()).filter(lambda text: text != "???"))
def test_text_is_handed_on_as_it_is(text: str) -> None:
    values = {"plain": text, "list": [text], "mapping": {"inner": [text]}}
    assert construct({"_target_": "builtins.dict", **values}, "key") == values
    assert construct({"_target_": "builtins.list", "_args_": [[text]]}, "key") == [text]


def test_what_hydra_blocks_is_one_line() -> None:
    with pytest.raises(ConfigError) as raised:
        construct({"_target_": "os.system", "_args_": ["true"]}, "model")
    assert str(raised.value).startswith("model: ")
    assert "\n" not in str(raised.value)


def test_a_data_type_of_torch_is_named_in_yaml() -> None:
    scaled = {"_target_": "torchvision.transforms.v2.ToDtype", "dtype": "torch.float32", "scale": True}
    node = {"_target_": "torchvision.transforms.v2.Compose", "transforms": [scaled]}
    image = torch.full((3, 2, 2), 255, dtype=torch.uint8)
    assert torch.equal(construct(node, "dataset.transform")(image), torch.ones(3, 2, 2))
    layer = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1, "dtype": "torch.float64"}
    assert construct(layer, "model").weight.dtype is torch.float64


@pytest.mark.parametrize(
    ("loss", "argument"),
    [("CrossEntropyLoss", "weight"), ("BCEWithLogitsLoss", "pos_weight"), ("NLLLoss", "weight")],
)
def test_a_list_of_numbers_is_a_tensor_where_a_class_takes_one(loss: str, argument: str) -> None:
    node = {
        "_target_": "sweepboard.tasks.Classification",
        "loss": {"_target_": f"torch.nn.{loss}", argument: [1, 2.5]},
    }
    assert torch.equal(getattr(construct(node, "task").criterion, argument), torch.tensor([1, 2.5]))
    node["loss"][argument] = [[1, 2], [3]]  # type: ignore[index]
    with pytest.raises(
        ConfigError, match=rf"^task\.loss\.{argument}: is no tensor: expected sequence of length 2"
    ):
        construct(node, "task")


@pytest.mark.parametrize("text", ["float32", "torch.float23", "torch.nn", "torch."])
def test_other_texts_stay_texts(text: str) -> None:
    assert construct({"_target_": "builtins.dict", "dtype": text, "name": "torch.int8"}, "model") == {
        "dtype": text,
        "name": "torch.int8",
    }
