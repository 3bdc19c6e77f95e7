"""What the ranks of a run add up in an update, in as few messages as can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweepboard.data.dealing import Dealing
from sweepboard.training.distributed import Group
from sweepboard.training.gradient_sum import GradientSum


class Table:
    """Where two threads put what they tell each other."""

    def __init__(self) -> None:
        self.put: dict[int, Any] = {}
        self.barrier = Barrier(2, timeout=30)
        self.messages = 0

    def exchanged(self, rank: int, value: Any) -> list[Any]:
        """The values of both, in the order of their ranks."""
        self.put[rank] = value
        self.barrier.wait()
        found = [self.put[0], self.put[1]]
        self.messages += rank == 0
        self.barrier.wait()
        return found


class Threads(Group):
    """One of two ranks that are threads of this process."""

    def __init__(self, rank: int, table: Table) -> None:
        super().__init__(Dealing(rank, 2), torch.device("cpu"), (None, None), None)
        self._table = table

    def sum(self, tensor: Tensor) -> None:
        first, second = self._table.exchanged(self.dealing.rank, tensor.clone())
        tensor.copy_(first + second)

    def take_first(self, tensor: Tensor) -> None:
        tensor.copy_(self._table.exchanged(self.dealing.rank, tensor.clone())[0])

    def largest(self, numbers: Sequence[int]) -> list[int]:
        return [*map(max, zip(*self._table.exchanged(self.dealing.rank, list(numbers)), strict=True))]


class Net(nn.Module):
    """Layers of which a rank may leave some out, and buffers of each kind."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seen", torch.zeros(2))
        self.register_buffer("shown", torch.zeros(3, dtype=torch.bool))

    def forward(self, inputs: Tensor, used: Sequence[int] = (0, 1)) -> Any:
        for number in used:
            inputs = self.layers[number](inputs)
        return self.norm(inputs)


def on_both(work: Callable[[int, Threads], Any]) -> tuple[list[Any], Table]:
    """What `work` returns on each rank."""
    table, found = Table(), dict[int, Any]()

    def run(rank: int) -> None:
        found[rank] = work(rank, Threads(rank, table))

    threads = [Thread(target=run, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2, "a rank has failed"
    return [found[0], found[1]], table


@pytest.fixture(params=[True, False], ids=["by the sum", "by a message"])
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether ranks agree by the sum itself, as on a CPU, or by a message of their own, as on a GPU."""
    before = GradientSum.__init__

    def made(self: GradientSum, ranks: Group, model: nn.Module) -> None:
        before(self, ranks, model)
        self._tells_by_sum = request.param

    monkeypatch.setattr(GradientSum, "__init__", made)
    return bool(request.param)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def test_gradients_are_means_over_all_samples_in_one_message(told: bool) -> None:
    inputs, shares = torch.randn(5, 3), (range(3), range(3, 5))

    def work(rank: int, ranks: Threads) -> tuple[Any, Any]:
        model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
        for number, parameter in enumerate(model.parameters()):
            nn.init.constant_(parameter, 0.1 + number)
        add_up = GradientSum(ranks, model)
        loss = model(inputs[list(shares[rank])]).sum()
        loss.backward()
        return add_up(model.parameters(), loss.detach(), len(shares[rank])), model

    [(loss, model), (other_loss, other)], table = on_both(work)
    assert table.messages == (1 if told else 2)
    assert torch.equal(loss, other_loss)
    alone = {name: one.clone() for name, one in gradients(model).items()}
    assert all(torch.equal(each, gradients(other)[name]) for name, each in alone.items())
    model.zero_grad()
    model(inputs).mean().backward()
    assert all(torch.allclose(each, gradients(model)[name]) for name, each in alone.items())


def test_a_parameter_has_a_gradient_if_it_has_one_on_any_rank(told: bool) -> None:
    def work(rank: int, ranks: Threads) -> Net:
        model = Net()
        add_up = GradientSum(ranks, model)
        for used in ([0], [0, rank]):
            model.zero_grad()
            model(torch.ones(2, 3) + torch.arange(2)[:, None], used).sum().backward()
            add_up(model.parameters(), 1.0, 2)
        return model

    models, _ = on_both(work)
    for model in models:
        assert {name.split(".")[1] for name in gradients(model) if name.startswith("layers")} == {"0", "1"}


def test_a_gradient_that_was_kept_keeps_its_numbers() -> None:
    def work(_: int, ranks: Threads) -> bool:
        model = nn.Linear(3, 1)
        add_up, kept = GradientSum(ranks, model), []
        for number in range(2):
            model.zero_grad()
            (model(torch.ones(1, 3)).sum() * (number + 1)).backward()
            add_up(model.parameters(), 1.0, 1)
            assert model.weight.grad is not None
            kept.append((model.weight.grad, model.weight.grad.clone()))
        return all(torch.equal(*pair) for pair in kept) and not torch.equal(kept[0][0], kept[1][0])

    assert on_both(work)[0] == [True, True]


def test_statistics_become_means_and_other_buffers_those_of_rank_0(told: bool) -> None:
    def work(rank: int, ranks: Threads) -> Any:
        model: Any = Net()
        add_up = GradientSum(ranks, model)
        model.norm.running_mean.fill_(float(rank))
        model.calls += rank + 1
        model.seen = torch.full((2,), rank + 5.0)  # set anew
        model.shown[rank] = True
        add_up(model.parameters(), 1.0, 3 - 2 * rank)
        return model

    models, table = on_both(work)
    for model in models:
        assert model.norm.running_mean.tolist() == pytest.approx([0.25] * 3)
        assert (int(model.calls), model.seen.tolist(), model.shown.tolist()) == (
            1,
            [5, 5],
            [True, False, False],
        )
    assert table.messages == 1 + (not told) + 3  # one for each type of buffer
