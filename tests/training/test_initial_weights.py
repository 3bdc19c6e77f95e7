"""Initial weights: what files hold, which names and shapes fit, and what is told where they do not."""

from __future__ import annotations

import logging
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sweepboard.errors import ConfigError, DamagedFile
from sweepboard.settings import WeightsSettings
from sweepboard.training.initial_weights import check_initial_weights, load_initial_weights


def net(outputs: int = 3) -> nn.Module:
    parts = OrderedDict(body=nn.Linear(4, 5), norm=nn.BatchNorm1d(5), head=nn.Linear(5, outputs))
    return nn.Sequential(parts)


def trained() -> nn.Module:
    model = net()
    with torch.no_grad():
        for number, tensor in enumerate(model.state_dict().values()):
            tensor.fill_(number + 1)
    return model


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


def given(file: Path, **settings: Any) -> WeightsSettings:
    return WeightsSettings(path=str(file), **settings)


def loaded(settings: WeightsSettings, outputs: int = 3) -> dict[str, Tensor]:
    """The tensors of a new model after loading; the check of names and shapes agrees."""
    check_initial_weights(net(outputs), settings)
    model = net(outputs)
    weight = model.get_parameter("body.weight")
    load_initial_weights(model, settings)
    assert model.get_parameter("body.weight") is weight
    return model.state_dict()


def refused(settings: WeightsSettings, outputs: int = 3) -> str:
    """What the check says, which loading says too."""
    said = []
    for function in (check_initial_weights, load_initial_weights):
        with pytest.raises((ConfigError, DamagedFile)) as error:
            function(net(outputs), settings)
        said.append(str(error.value))
    assert said[0] == said[1]
    assert "\n" not in said[0]
    return said[0].replace(str(Path(str(settings.path)).parent), "")


def same(found: dict[str, Tensor], names: list[str] | None = None) -> bool:
    known = trained().state_dict()
    return all(torch.equal(found[name], known[name]) for name in names or known)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model_state_dict": state, "optimizer": {"lr": torch.ones(())}},
        lambda state: {"model": state, "model_ema": net().state_dict()},
        lambda state: {"learner": {"model": state, "step": 5}, "step": 5},
    ],
)
def test_the_usual_forms_of_files_are_read(wrap: Any, file: Path) -> None:
    torch.save(wrap(trained().state_dict()), file)
    assert same(loaded(given(file)))


def test_safetensors_and_old_files_are_read(tmp_path: Path) -> None:
    save_file(trained().state_dict(), tmp_path / "weights.safetensors")
    assert same(loaded(given(tmp_path / "weights.safetensors")))
    torch.save(trained().state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert not zipfile.is_zipfile(tmp_path / "old.pth")
    assert same(loaded(given(tmp_path / "old.pth")))


def test_a_key_says_where_the_tensors_are(file: Path) -> None:
    torch.save({"model": net().state_dict(), "ema": {"module": trained().state_dict()}}, file)
    assert same(loaded(given(file, key="ema.module")))
    assert refused(given(file, key="emma")) == (
        "weights.key: /weights.pth has no tensors below emma: type weights.key= and one of model, ema"
    )
    torch.save({"teacher": net().state_dict(), "epoch": 3}, file)
    assert "no tensors that are named: type weights.key= and one of teacher" in refused(given(file))


def test_prefixes_are_stripped_and_added_and_the_right_one_is_proposed(file: Path) -> None:
    state = {f"module.{name}": one for name, one in trained().state_dict().items()}
    torch.save(state | {"loss.weight": torch.ones(2)}, file)
    assert "9 fit with weights.strip_prefix=module." in refused(given(file))
    assert same(loaded(given(file, strip_prefix="module.")))
    assert "begins with modul-; they are module.body.weight" in refused(given(file, strip_prefix="modul-"))
    torch.save(trained().get_submodule("body").state_dict(), file)
    assert "2 fit with weights.add_prefix=body." in refused(given(file))
    assert same(loaded(given(file, add_prefix="body.", strict=False)), ["body.weight", "body.bias"])


def test_a_head_of_another_shape_is_told_and_left_out(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(trained().state_dict(), file)
    assert refused(given(file), outputs=7) == (
        "weights.path: head.weight has the shape (3, 5) in /weights.pth and (7, 5) in the model (and 1 more "
        "differ); type 'weights.exclude=[head.*]' to begin with new ones"
    )
    assert "head.weight has the shape" in refused(given(file, strict=False), outputs=7)
    caplog.set_level(logging.INFO)
    found = loaded(given(file, exclude=["head.*"]), outputs=7)
    assert same(found, [name for name in found if not name.startswith("head")])
    assert f"7 of 9 tensors of the model are from {file}; new: head.weight, head.bias" in caplog.text
    assert "no tensor of the model is named had.*" in refused(given(file, exclude=["had.*"]))
    assert "leaves out every tensor" in refused(given(file, exclude=["*"]))


def test_strict_refuses_missing_and_other_names(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = trained().state_dict()
    del state["head.bias"]
    torch.save({**state, "aux.weight": torch.ones(2)}, file)
    assert refused(given(file)) == (
        "weights.path: /weights.pth lacks head.bias of the model and has aux.weight, which the model has "
        "not; type weights.strict=false to load the 8 tensors that fit, or 'weights.exclude=[head.*]' to "
        "begin with new ones"
    )
    caplog.set_level(logging.INFO)
    assert same(loaded(given(file, strict=False)), list(state))
    assert "new: head.bias; not used: aux.weight" in caplog.text
    torch.save({"a": torch.ones(2)}, file)
    assert "no name fits" in refused(given(file, strict=False))


def test_what_torch_tolerates_is_no_difference(file: Path) -> None:
    """Files from before batch norm counted its batches, and weights that two layers share."""
    state = trained().state_dict()
    del state["norm.num_batches_tracked"]
    old = OrderedDict(state)
    torch.save(old, file)
    assert same(loaded(given(file)), list(old))
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    names = dict(tied.state_dict())
    del names["1.weight"]
    save_file(names, file.with_suffix(".safetensors"))
    load_initial_weights(tied, given(file.with_suffix(".safetensors")))
    check_initial_weights(tied, given(file.with_suffix(".safetensors")))


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("touched"),))


def test_nothing_is_unpickled_or_unpacked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    torch.save({"state_dict": trained().state_dict(), "args": Evil()}, file)
    assert "holds more than tensors and numbers, and was not opened" in refused(given(file))
    assert not Path("touched").exists()
    torch.save(trained().state_dict(), file)
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile("packed.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        for part in archive.namelist():
            packed.writestr(part, archive.read(part))
    assert "holds more than its size" in refused(given(file.parent / "packed.pth"))


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 cut short"])
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_files_that_cannot_be_read_are_told(content: bytes, ending: str, file: Path) -> None:
    file = file.with_suffix(ending)
    file.write_bytes(content)
    assert refused(given(file)).startswith("weights.path: /weights")


def test_no_file(file: Path) -> None:
    assert "/weights.pth is not here" in refused(given(file))
    assert "is no run folder (it has no run.json)" in refused(given(file.parent))
