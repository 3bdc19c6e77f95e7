"""What may be built of a configuration that came from someone else: judged by the object that is found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sweepboard.errors import NotAllowed
from sweepboard.settings import NAMED_FUNCTIONS
from sweepboard.trust import model_size_limits
from sweepboard.trust.allowed_objects import find, may_be_built
from sweepboard.trust.allowlist import refuse_untrusted, refuse_untrusted_targets

PARTS = [
    "torch.nn.Linear", "torch.nn.modules.conv.Conv2d", "torch.optim.SGD", "torch.optim.lr_scheduler.StepLR",
    "torchvision.models.resnet18", "torchvision.models.resnet.ResNet", "torchvision.ops.FrozenBatchNorm2d",
    "torchvision.datasets.FakeData", "torchvision.datasets.mnist.MNIST", "torchvision.transforms.ToTensor",
    "torchvision.transforms.v2.Resize", "sweepboard.models.CNN",
    "sweepboard.tasks.Classification",
]  # fmt: skip

OTHERS = [
    "torch.load", "torch.hub.load", "torch.nn.functional.torch.hub.load", "torch.nn.functional.torch.load",
    "torch.nn.modules.module.os.system", "torch.optim.optimizer.functools.partial",
    "torch.nn.Module.__init__",
    "torch.nn.parallel.DistributedDataParallel", "torch.nn.Linear.forward", "torch.nn.modules.module.Any",
    "torchvision.datasets.folder.pickle.loads", "torchvision.datasets.utils.download_url",
    "torchvision.datasets.DatasetFolder", "torchvision.datasets.vision.torch.hub.load_state_dict_from_url",
    "torchvision.datasets.mnist.shutil.rmtree", "torchvision.datasets.LFWPeople",
    "torchvision.models.get_model", "torchvision.models._api.get_model", "torchvision.models.resnet.partial",
    "torchvision.models.detection.backbone_utils.resnet_fpn_backbone", "torchvision.io.read_image",
    "torch.utils.data.datapipes.iter.FileOpener", "torch.utils.data.datapipes.iter.FileLister",
    "torch.utils.data.datapipes.map.Mapper", "torch.utils.data.datapipes.iter.grouping.BatcherIterDataPipe",
    "torch.utils.data.DataLoader",
    "sweepboard.files.write_atomic", "sweepboard.models.cnn.nn.Module.load_state_dict",
    "sweepboard.data.datasets.mnist_cifar.downloading",
    "sweepboard.data.datasets.image_folder.os.system", "sweepboard.cli.main",
    "sweepboard.models.cnn.CNN", "sweepboard.data.DataSpec", "sweepboard.tasks.Task", "sweepboard.load_model",
    "hydra.utils.instantiate", "hydra.utils.get_method", "functools.partial", "builtins.eval", "os.system",
    "pickle.loads", "", "torch", "torch.nn", "torch..nn.Linear", "torch.nn.Linear ", ".torch.nn.Linear",
]  # fmt: skip


@pytest.mark.parametrize("target", PARTS)
def test_parts_of_experiments_may_be_built(target: str) -> None:
    refuse_untrusted({"model": {"_target_": target, "root": "x"}}, typed={"model.root": "x"})


@pytest.mark.parametrize("target", OTHERS)
def test_nothing_else_may(target: str) -> None:
    with pytest.raises(NotAllowed, match=r"^task\.loss\[1\]\._target_: "):
        refuse_untrusted({"task": {"loss": [1, {"_target_": target}]}})


@pytest.mark.parametrize("target", [["os", "system"], {"a": 1}, 5, True, 0.5])
def test_a_target_that_is_no_text_is_refused(target: Any) -> None:
    with pytest.raises(NotAllowed):
        refuse_untrusted({"model": {"_target_": target}})


def test_a_path_to_elsewhere_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for path in ("evil.Net", "evil", "torch.evil.Net", "sweepboard.evil.Net"):
        assert find(path) is None
    assert "evil" not in sys.modules


def test_an_allowed_package_covers_its_own_objects_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_nets.py").write_text(
        "import os\nfrom os import system\nfrom torch.hub import load\nclass Net:\n    pass\n"
        "def make():\n    return Net()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name, right in {
        "Net": True,
        "make": True,
        "load": False,
        "system": False,
        "os.system": False,
    }.items():
        found = find(f"their_nets.{name}", ["their_nets"])
        assert (found is not None and may_be_built(found, ["their_nets"])) == right, name
    with pytest.raises(NotAllowed, match=r"add --allow torch\.hub"):
        refuse_untrusted({"model": {"_target_": "their_nets.load"}}, ["their_nets"])
    refuse_untrusted({"model": {"_target_": "their_nets.Net"}}, ["their_nets.Net"])
    with pytest.raises(NotAllowed):
        refuse_untrusted({"model": {"_target_": "their_nets.make"}}, ["their_nets.Net"])


INNER: dict[str, dict[str, Any]] = {
    "optimizer.a._target_": {"optimizer": {"a": {"_target_": "os.system"}}},
    "optimizer.groups._target_": {"optimizer": {"groups": {"_target_": "torch.load"}}},
    "optimizer.base._target_": {
        "optimizer": {"_target_": "torch.optim.SGD", "base": {"_target_": "os.system"}}
    },
    "scheduler.schedulers[0]._target_": {"scheduler": {"schedulers": [{"_target_": "builtins.open"}]}},
    "scheduler.a.warmup._target_": {"scheduler": {"a": {"warmup": {"_target_": "pickle.loads"}}}},
}


@pytest.mark.parametrize(("key", "config"), INNER.items(), ids=INNER.keys())
def test_inner_nodes_of_optimizers_and_schedules_are_judged(key: str, config: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed) as raised:
        refuse_untrusted(config)
    assert str(raised.value).startswith(f"{key}: ")


READS: dict[str, dict[str, Any]] = {
    "dataset.root": {
        "dataset": {"_target_": "sweepboard.data.ImageFolder", "root": "pictures"}
    },
    "dataset.data_dir": {"dataset": {"_target_": "torchvision.datasets.FakeData", "data_dir": ""}},
    "model.head": {"model": {"_target_": "torch.nn.Linear", "head": "~me"}},
    "model.names[1]": {"model": {"names": ["fine", "weights/best.pt"]}},
    "model.weights_file": {"model": {"weights_file": "best.pt"}},
    "dataset.split": {"dataset": {"split": "..\\..\\etc"}},
    "task.where": {"task": {"where": "C:\\Users"}},
}  # fmt: skip


@pytest.mark.parametrize(("key", "config"), READS.items(), ids=list(READS))
def test_no_path_is_read(key: str, config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(NotAllowed) as refused:
        refuse_untrusted(config, folder=tmp_path)
    assert str(refused.value).startswith(f"{key}: ")
    assert f"{key}=..." in str(refused.value)


def test_the_folder_of_the_run_may_be_read_and_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    node = {"_target_": "sweepboard.data.ImageFolder", "root": "run/pictures"}
    refuse_untrusted({"dataset": node}, folder=Path("run"))
    with pytest.raises(NotAllowed):
        refuse_untrusted({"dataset": {**node, "root": "runner"}}, folder=Path("run"))
    refuse_untrusted({"dataset": {**node, "root": "~/mine"}}, typed={"dataset.root": "~/mine"})
    with pytest.raises(NotAllowed):
        refuse_untrusted({"dataset": {**node, "root": "~/yours"}}, typed={"dataset.root": "~/mine"})


FETCHES: dict[str, dict[str, Any]] = {
    "model.weights": {"_target_": "torchvision.models.resnet18", "weights": "DEFAULT"},
    "model.pretrained": {"_target_": "torchvision.models.resnet18", "pretrained": True},
    "model._args_": {"_target_": "torchvision.models.resnet18", "_args_": [True]},
    "model.weights_backbone": {"_target_": "torchvision.models.segmentation.fcn_resnet50"},
    "model.address": {"_target_": "torch.nn.Linear", "address": "https://example.org/x.pt"},
    "model.net.weights": {"net": {"_target_": "torchvision.models.vgg11", "weights": "IMAGENET1K_V1"}},
    "model.x.download": {"x": {"_target_": "torchvision.datasets.FakeData", "download": 1}},
}  # fmt: skip


@pytest.mark.parametrize(("key", "node"), FETCHES.items(), ids=list(FETCHES))
def test_nothing_is_fetched(key: str, node: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed) as refused:
        refuse_untrusted({"model": node})
    assert str(refused.value).startswith(f"{key}: ")


@pytest.mark.parametrize("name", ["MNIST", "CIFAR10", "FashionMNIST"])
def test_a_default_place_is_not_read_either(name: str) -> None:
    with pytest.raises(NotAllowed, match=r"dataset\.root: data is not read"):
        refuse_untrusted({"dataset": {"_target_": f"sweepboard.data.{name}"}})
    with pytest.raises(NotAllowed, match=r"dataset\._args_: "):
        refuse_untrusted({"dataset": {"_target_": f"sweepboard.data.{name}", "_args_": ["x"]}})


@pytest.mark.parametrize("value", ["${oc.env:HOME}", "$HOME", "a ${b}", "\\${oc.env:X}"])
def test_no_variable_of_the_environment_is_read(value: str) -> None:
    with pytest.raises(NotAllowed, match=r"^model\.x\.y\[0\]: .*environment"):
        refuse_untrusted({"model": {"x": {"y": [value]}}})


GIANTS: dict[str, dict[str, Any]] = {
    "dataset.workers": {"dataset": {"workers": 5000}},
    "dataset.size": {"dataset": {"_target_": "torchvision.datasets.FakeData", "size": 10**9}},
    "dataset.image_size": {"dataset": {"image_size": [3, 100_000, 100_000]}},
    "dataset": {"dataset": {"samples": 1_000_000, "features": 1_000_000}},
    "model.layers[0].in_features": {"model": {"layers": [{"in_features": 1e12}]}},
    "dataset.num_classes": {"dataset": {"num_classes": 10**9}},
    "threads": {"threads": 100_000},
    "dataset.transform.padding": {"dataset": {"transform": {"padding": 100_000}}},
    "dataset.test.transform.transforms[0].size": {
        "dataset": {"test": {"transform": {"transforms": [{"size": 5000}]}}}
    },
}


@pytest.mark.parametrize(("key", "config"), GIANTS.items(), ids=list(GIANTS))
def test_sizes_are_bounded(key: str, config: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed) as refused:
        refuse_untrusted(config)
    assert str(refused.value).startswith(f"{key}: ")


def linear(size: int, **more: Any) -> dict[str, Any]:
    return {"_target_": "torch.nn.Linear", "in_features": size, "out_features": size, **more}


CONV = {"_target_": "torch.nn.Conv2d", "in_channels": 20_000, "out_channels": 20_000, "kernel_size": 3}
LSTM = {"_target_": "torch.nn.LSTM", "input_size": 1000}
RESNET = {"_target_": "torchvision.models.resnet50", "weights": None}
GIANT_MODELS: dict[str, dict[str, Any]] = {
    "model": {"model": linear(50_000)},
    "model.net": {"model": {"net": linear(50_000, device="cpu")}},
    "model.parts[1]": {
        "model": {"parts": [linear(3), {"_target_": "torch.nn.Sequential", "_args_": [CONV]}]}
    },
    "model.parts[2]": {"model": {"parts": [linear(16_000)] * 3}},
    "task.loss": {"task": {"loss": {**CONV, "_partial_": True}}},
    "model.wide": {"model": {"wide": {**RESNET, "width_per_group": 8192}}},
}


@pytest.mark.parametrize(("key", "config"), GIANT_MODELS.items(), ids=list(GIANT_MODELS))
def test_what_models_take_is_bounded(key: str, config: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed, match=r"; if you trust it, add --allow torch") as refused:
        refuse_untrusted(config, built=["model", "task", "dataset"])
    assert str(refused.value).startswith(f"{key}: ")
    home = str(refused.value).rpartition("--allow ")[2]
    refuse_untrusted(config, [home, "torch.nn"], built=["model", "task", "dataset"])


LAYERS = (
    {"_target_": "torch.nn.Upsample", "scale_factor": 4000},
    {"_target_": "torchvision.models.vgg11", "weights": None},
    {"_target_": "sweepboard.models.Linear"},
)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["_target_"])
def test_layers_are_no_part_of_data(layer: dict[str, Any]) -> None:
    config = {
        "dataset": {"transform": {"transforms": [{"_target_": "torchvision.transforms.ToTensor"}, layer]}}
    }
    with pytest.raises(
        NotAllowed, match=r"^dataset.transform.transforms\[1\]._target_: .*--allow"
    ) as refused:
        refuse_untrusted(config)
    refuse_untrusted(config, [str(refused.value).rpartition("--allow ")[2]])
    refuse_untrusted({"model": layer})
    refuse_untrusted({"dataset": {"transform": {"_target_": "torchvision.transforms.v2.Resize", "size": 4}}})


def test_the_number_of_layers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_size_limits, "_TENSORS", 1000)
    with pytest.raises(NotAllowed, match=r"^model: torch\.nn\.LSTM takes more than 1,000 tensors"):
        refuse_untrusted({"model": {**LSTM, "hidden_size": 2, "num_layers": 10_000_000}}, built=["model"])


def test_a_giant_that_was_typed_is_the_readers_own() -> None:
    typed = {f"model.{name}": value for name, value in linear(50_000).items()}
    refuse_untrusted({"model": linear(50_000)}, typed=typed, built=["model"])
    with pytest.raises(NotAllowed):
        refuse_untrusted({"model": linear(50_000)}, typed={"model.in_features": 50_000}, built=["model"])


def test_what_samples_take_in_a_model_is_bounded() -> None:
    config: dict[str, Any] = {
        "device": "cpu",
        "facts": {"input_shape": [3, 8, 8]},
        "dataset": {"batch_size": 64, "eval_batch_size": 100},
        "model": {"_target_": "torch.nn.Upsample", "scale_factor": 16.0},
    }
    refuse_untrusted(config, built=["model"])
    for name in ("batch_size", "eval_batch_size"):
        many = {**config, "dataset": {**config["dataset"], name: 10_000_000}}
        with pytest.raises(NotAllowed, match=rf"^dataset\.{name}: 10000000 samples .*dataset\.{name}=\.\.\."):
            refuse_untrusted(many, built=["model"])
        refuse_untrusted(many, typed={f"dataset.{name}": 10_000_000}, built=["model"])
    with pytest.raises(NotAllowed, match=r"^model: torch\.nn\.Upsample takes more than 4 GiB"):
        refuse_untrusted({**config, "model": {**config["model"], "scale_factor": 3000.0}}, built=["model"])


@pytest.mark.parametrize("name", ["regnet_x_400mf", "swin_t", "lraspp_mobilenet_v3_large"])
def test_models_that_read_their_own_tensors_are_no_giants(name: str) -> None:
    node = {"_target_": f"torchvision.models.{name}", "weights": None, "weights_backbone": None}
    if name != "lraspp_mobilenet_v3_large":
        del node["weights_backbone"]
    else:
        node["_target_"] = f"torchvision.models.segmentation.{name}"
    refuse_untrusted({"model": node}, built=["model"])


@pytest.mark.parametrize("name", NAMED_FUNCTIONS)
def test_a_function_that_is_named_without_a_target_is_judged_like_one(name: str) -> None:
    with pytest.raises(NotAllowed, match=rf"^dataset\.{name}: os\.system is not built .*--allow os"):
        refuse_untrusted({"dataset": {name: "os.system"}})
    with pytest.raises(NotAllowed, match=rf"^dataset\.{name}: os\.system is not built"):
        refuse_untrusted_targets({"dataset": {name: "os.system"}})
    refuse_untrusted({"dataset": {name: "os.system"}}, typed={f"dataset.{name}": "os.system"})


def test_a_batch_transform_is_judged_with_all_that_it_is_made_of() -> None:
    v2 = "torchvision.transforms.v2"

    def config(inner: str) -> dict[str, Any]:
        parts = [{"_target_": f"{v2}.MixUp", "alpha": 0.2}, {"_target_": inner}]
        return {"dataset": {"batch_transform": {"_target_": f"{v2}.RandomChoice", "transforms": parts}}}

    refuse_untrusted(config(f"{v2}.CutMix"))
    with pytest.raises(
        NotAllowed, match=r"^dataset\.batch_transform\.transforms\[1\]\._target_: os\.system is"
    ):
        refuse_untrusted(config("os.system"))


@pytest.mark.parametrize("target", ["nobodys_nets.Net", "nobodys_nets.sub.make", "torch.nn.Lineer"])
def test_what_is_allowed_and_missing_is_said_to_be_missing(target: str) -> None:
    with pytest.raises(NotAllowed, match=rf"model\._target_: there is no {target} here") as refused:
        refuse_untrusted({"model": {"_target_": target}}, [target.partition(".")[0]])
    assert "--allow" not in str(refused.value)
