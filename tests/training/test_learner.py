"""One update."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweepboard.errors import ConfigError, NonFiniteLoss, RunFailed, UserError
from sweepboard.models.cnn import CNN
from sweepboard.training.learner import Learner
from sweepboard.training.tasks import Classification


def learner(model: nn.Module, lr: float = 0.1, **settings: Any) -> Learner:
    return Learner(model, Classification(), torch.optim.SGD(model.parameters(), lr=lr), **settings)


def linear(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def batch(size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, 3, generator=generator), torch.randint(2, (size,), generator=generator)


def test_accumulated_batches_weigh_by_their_samples() -> None:
    """Uneven groups give the gradient of one large batch."""
    inputs, targets = batch(11)
    whole, parts = learner(linear()), learner(linear())
    loss = whole.update([(inputs, targets)])
    sizes = [4, 4, 3]
    summed = parts.update(list(zip(inputs.split(sizes), targets.split(sizes), strict=True)))  # type: ignore[no-untyped-call]
    assert float(summed) == pytest.approx(float(loss))
    for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert parts.meter.metrics() == pytest.approx(whole.meter.metrics())


def test_it_is_the_plain_update_and_the_gradients_stay() -> None:
    model, (inputs, targets) = linear(), batch(5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ours = learner(linear())
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        ours.update([(inputs, targets)])
    for a, b in zip(model.parameters(), ours.model.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.grad is not None
        assert b.grad is not None
        assert torch.equal(a.grad, b.grad)


def test_clipped_gradients_have_the_norm_asked_for() -> None:
    ours = learner(linear(), grad_clip=0.01)
    ours.update([batch(5)])
    gradients = [p.grad for p in ours.model.parameters() if p.grad is not None]
    assert float(nn.utils.get_total_norm(gradients)) == pytest.approx(0.01, rel=1e-3)


def test_the_first_bad_update_is_named_with_its_learning_rate() -> None:
    ours = learner(linear())
    poison = (torch.full((4, 3), torch.nan), torch.zeros(4, dtype=torch.int64))
    ours.update([batch(4)])
    ours.check()
    ours.update([batch(4)])
    ours.optimizer.param_groups[0]["lr"] = 0.25
    ours.update([batch(4), poison])
    ours.optimizer.param_groups[0]["lr"] = 0.5
    ours.update([poison])
    with pytest.raises(NonFiniteLoss, match=r"at step 3 with learning rate 0\.25"):
        ours.state_dict()


def test_bf16_learns_and_the_task_sees_float32() -> None:
    ours = learner(linear(), precision="bf16")
    losses = [float(ours.update([batch(32)])) for _ in range(30)]
    assert losses[-1] < 0.9 * losses[0]
    outputs = ours.evaluation_step(batch(2)).outputs
    assert outputs is not None
    assert outputs.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in ours.model.parameters())


def test_channels_last_is_for_convolutions_only() -> None:
    convolutional, dense = learner(CNN((3, 8, 8), 2)), learner(linear())
    weight = convolutional.model.features[3].weight  # type: ignore[index, union-attr]
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert convolutional.layout._channels_last
    assert not dense.layout._channels_last
    plain = learner(CNN((3, 8, 8), 2), channels_last=False)
    assert plain.model.features[3].weight.is_contiguous()  # type: ignore[index, union-attr]


@pytest.mark.parametrize("how", [True, "reduce-overhead"])
def test_compiled_models_keep_their_names(how: bool | str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, modes = torch.compile, []

    def eager(model: nn.Module, mode: str | None) -> Any:
        modes.append(mode)
        return compiled(model, backend="eager")

    monkeypatch.setattr(torch, "compile", eager)
    plain, ours = learner(linear()), learner(linear(), compile=how)
    assert modes == [None if how is True else how]
    assert ours.state_dict()["model"].keys() == plain.state_dict()["model"].keys()
    assert float(ours.update([batch(5)])) == float(plain.update([batch(5)]))
    assert ours.callable_model is not ours.model


def test_class_weights_follow_the_model() -> None:
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
    model = linear().to("meta")
    Learner(
        model, Classification(loss), torch.optim.SGD(model.parameters(), 0.1), device=torch.device("meta")
    )
    assert loss.weight is not None
    assert loss.weight.device.type == "meta"


def test_mistakes_have_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.precision=fp61 is unknown; did you mean fp16\?"):
        learner(linear(), precision="fp61")
    with pytest.raises(ConfigError, match=r"trainer\.precision=fp16 needs a GPU"):
        learner(linear(), precision="fp16")
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ConfigError, match=r"trainer\.compile=true on the CPU needs a C"):
        learner(linear(), compile=True)
    normed = learner(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))
    with pytest.raises(RunFailed, match=r"use dataset\.drop_last=true"):
        normed.update([batch(1)])
    with pytest.raises(UserError, match=r"the checkpoint does not fit this run: .*size mismatch"):
        learner(nn.Linear(4, 2)).load_state_dict(learner(linear()).state_dict())
