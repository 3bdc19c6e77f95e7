"""Tasks that make several updates of a batch, with one optimizer or with two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepboard.errors import ConfigError
from sweepboard.training.learner import Learner
from sweepboard.training.task import Step, Task, training_loss
from tests.training.labelled import Labelled, batches, learner_of


class Gan(Task):
    """Two networks that learn against each other, with values of both."""

    def updates(self, model: Any, batch: Any) -> Iterator[tuple[str, Any]]:
        real = batch["x"]
        fake = model.generator(real)
        true, false = model.critic(real), model.critic(fake.detach())
        yield (
            "critic",
            Step(F.softplus(-true).mean() + F.softplus(false).mean(), values={"real": true.mean()}),
        )
        yield "generator", F.softplus(-model.critic(fake)).mean()

    def evaluation_step(self, model: Any, batch: Any) -> Step:
        return Step(F.softplus(-model.critic(model.generator(batch["x"]))).mean())


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.generator, self.critic = nn.Linear(3, 3), nn.Linear(3, 1)


def optimizers_of(model: Pair) -> dict[str, torch.optim.Optimizer]:
    return {
        "generator": torch.optim.Adam(model.generator.parameters(), 0.01),
        "critic": torch.optim.SGD(model.critic.parameters(), 0.1),
    }


def test_updates_of_two_optimizers_are_those_of_a_bare_loop() -> None:
    model, bare = Pair(), Pair()
    ours, theirs, task = Learner(model, Gan(), optimizers_of(model)), optimizers_of(bare), Gan()
    for batch in batches(5):
        ours.update([batch])
        for name, result in task.updates(bare, batch):
            loss = training_loss(result) if isinstance(result, Step) else result
            bare.zero_grad()
            loss.backward()
            theirs[name].step()
    for a, b in zip(model.parameters(), bare.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    found = ours.meter.metrics()
    assert found["loss"] == pytest.approx(found["critic_loss"] + found["generator_loss"])
    assert ours.step == 5
    assert "real" in found


def test_accumulated_updates_are_those_of_one_large_batch() -> None:
    model, other = Pair(), Pair()
    whole, parts = Learner(model, Gan(), optimizers_of(model)), Learner(other, Gan(), optimizers_of(other))
    batch = batches(1, 12)[0]
    whole.update([batch])
    parts.update([{name: value[a:b] for name, value in batch.items()} for a, b in ((0, 5), (5, 12))])
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert whole.meter.metrics() == pytest.approx(parts.meter.metrics())


def test_one_optimizer_may_make_several_updates() -> None:
    class Chunks(Task):
        """Truncated backpropagation through time, in two pieces."""

        def updates(self, model: Any, batch: Any) -> Iterator[Tensor]:
            for part in torch.split(batch["x"], 3):
                yield model(part).square().mean()

    ours, bare = learner_of(Chunks()), learner_of(Chunks())
    (batch,), losses = batches(1), []
    torch.manual_seed(1)
    loss = ours.update([batch])
    torch.manual_seed(1)
    for part in torch.split(batch["x"], 3):
        bare.optimizer.zero_grad()
        losses.append(bare.model(part).square().mean())
        losses[-1].backward()
        bare.optimizer.step()
    for a, b in zip(ours.model.parameters(), bare.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert float(loss) == pytest.approx(float(sum(losses).detach()) / 2)
    assert ours.step == 1
    assert ours.meter.metrics().keys() == {"loss"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("critique", r"names the optimizer critique; did you mean critic\?"),
        (None, r"must yield \(name, loss\), with the name of one of the optimizers generator, critic"),
    ],
)
def test_an_unknown_optimizer_is_told(name: str | None, told: str) -> None:
    class Wrong(Task):
        def updates(self, model: Any, batch: Any) -> Iterator[Any]:
            loss = model.critic(batch["x"]).mean()
            yield (name, loss) if name else loss

    model = Pair()
    with pytest.raises(ConfigError, match=told):
        Learner(model, Wrong(), optimizers_of(model)).update(batches(1))


def test_two_optimizers_may_share_one_loss_and_resume() -> None:
    def made() -> Learner:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        return Learner(
            model,
            Labelled(),
            {
                "body": torch.optim.Adam(model[0].parameters(), 0.01),
                "head": torch.optim.SGD(model[1].parameters(), 0.1, momentum=0.9),
            },
        )

    whole, first, second = made(), made(), made()
    for batch in batches(6):
        whole.update([batch])
    for batch in batches(6)[:3]:
        first.update([batch])
    second.load_state_dict(first.state_dict())
    for batch in batches(6)[3:]:
        second.update([batch])
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(Exception, match="it has the optimizers body, head"):
        Learner(first.model, Labelled(), torch.optim.SGD(first.model.parameters())).load_state_dict(
            first.state_dict()
        )
