"""Gradient checkpointing changes no bit; torch's flags are set for a run alone."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweepboard.errors import ConfigError
from sweepboard.settings import TrainerSettings
from sweepboard.training.gradient_checkpointing import checkpoint_gradients
from sweepboard.training.torch_flags import torch_flags


class Counted(nn.Linear):
    """Counts its forward passes."""

    passes = 0

    def forward(self, input: Tensor) -> Tensor:
        self.passes += 1
        return super().forward(input)


def net() -> Any:
    torch.manual_seed(0)
    block = nn.Sequential(Counted(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
    return nn.Sequential(block, nn.Linear(8, 2))


def trained(model: nn.Module) -> list[Tensor]:
    """Gradients and buffers after two forward and backward passes."""
    torch.manual_seed(1)
    for _ in range(2):
        model(torch.randn(16, 4)).square().mean().backward()
    tensors = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return [*tensors, *model.buffers(), torch.get_rng_state()]


def test_gradients_running_means_and_draws_are_the_same_bit_for_bit() -> None:
    plain, again = net(), net()
    checkpoint_gradients(again, ["0", "0.*"])
    assert all(map(torch.equal, trained(plain), trained(again)))
    assert (plain[0][0].passes, again[0][0].passes) == (2, 4)  # the innermost is not checkpointed twice
    again.eval()(torch.ones(1, 4))
    assert again[0][0].passes == 5
    assert again.state_dict().keys() == plain.state_dict().keys()


def test_a_copy_of_the_model_computes_with_its_own_weights() -> None:
    model = net()
    checkpoint_gradients(model, ["0"])
    copy = deepcopy(model)
    nn.init.zeros_(copy[1].weight)
    nn.init.zeros_(copy[0][1].weight)
    assert not torch.equal(copy[0](torch.ones(2, 4)), model[0](torch.ones(2, 4)))
    assert (copy[0][0].passes, model[0][0].passes) == (1, 1)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (["1", "2"], "no module of the model is named 2; they are 0, 0.0"),
        (True, "Sequential has no gradient_checkpointing_enable or set_grad_checkpointing; name modules"),
        ("0", "needs true, false or patterns"),
    ],
)
def test_what_cannot_be_checkpointed_is_told(how: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=r"^trainer\.gradient_checkpointing.*") as error:
        checkpoint_gradients(net(), how)
    assert told in str(error.value)


class Own(nn.Linear):
    on = False

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        self.on = enable


def test_a_models_own_way_is_used() -> None:
    model = Own(1, 1)
    checkpoint_gradients(model, True)
    assert model.on


def flags() -> tuple[Any, ...]:
    cudnn = torch.backends.cudnn
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
        torch.get_float32_matmul_precision(),
    )


def test_torchs_flags_are_set_for_the_run_alone() -> None:
    before = flags()
    settings = TrainerSettings(deterministic="warn", cudnn_benchmark=True, matmul_precision="high")
    with torch_flags(settings):
        assert flags() == (True, True, True, True, "high")
    assert flags() == before
    with torch_flags(TrainerSettings()):
        assert flags() == before
