"""What stacking small models of several runs could give: "Left out, and why" in `docs/architecture.md`.

`apart` updates one model after another, as processes of their own do. `stacked` computes all lanes in one
vmapped pass and steps each by its own fused optimizer, on views of the stacked weights. `threads` is a lane a
thread, each as a run of its own: they meet at the gradients, and with `--random` each takes its state of the
random generators with it. Prints microseconds per update and lane: CPU time, and on a GPU wall time.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from benchmarks.baselines.bare_loop import tune_allocator
from benchmarks.baselines.bare_tasks import chosen
from benchmarks.workloads import COLUMNS, tabular_model
from sweepboard.models import CNN, MLP
from sweepboard.training.optimizer_patches import fast_step

SAMPLES = 20_000
IMAGE = (1, 28, 28)
MODELS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "tabular": ((COLUMNS,), tabular_model),
    "mlp": (IMAGE, lambda: MLP(IMAGE, 10)),
    "cnn": (IMAGE, lambda: CNN(IMAGE, 10, dropout=0.0)),
}


class Lanes:
    """Models of one kind, each with its optimizer and its order of the samples."""

    def __init__(self, model: str, lanes: int, batch: int, device: str, random: bool) -> None:
        shape, make = MODELS[model]
        self.models = [make().to(device) for _ in range(lanes)]
        self.inputs = torch.randn(SAMPLES, *shape, device=device)
        self.targets = torch.randint(2, (SAMPLES,), device=device)
        self.orders: list[Iterator[Tensor]] = [chosen(SAMPLES, batch) for _ in self.models]
        self.random, self.device = random, device
        self.shape = make().to("meta")

    def batch(self, lane: int) -> tuple[Tensor, Tensor]:
        indices = next(self.orders[lane]).to(self.device)
        return self.inputs.index_select(0, indices), self.targets.index_select(0, indices)

    def stack(self) -> None:
        """Make every lane's weights views of the stacked ones."""
        weights, _ = stack_module_state(self.models)
        self.weights = {name: one.detach().requires_grad_() for name, one in weights.items()}
        every = range(len(self.models))
        self.views = [[one.detach()[lane] for one in self.weights.values()] for lane in every]
        self.steps = [_optimizer(views) for views in self.views]
        self.losses = vmap(self._loss)

    def _loss(self, weights: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(self.shape, weights, (inputs,)), targets)

    def gradients(self, batches: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
        inputs, targets = (torch.stack(each) for each in zip(*batches, strict=True))
        loss = self.losses(self.weights, inputs, targets).sum()  # quicker than vmap(grad(...)) on a CPU
        return torch.autograd.grad(loss, list(self.weights.values()))

    def apply(self, lane: int, gradients: tuple[Tensor, ...]) -> None:
        for weight, gradient in zip(self.views[lane], gradients, strict=True):
            weight.grad = gradient[lane]
        self.steps[lane]()


def _optimizer(weights: list[Tensor]) -> Callable[[], Any]:
    return fast_step(torch.optim.Adam(weights, lr=1e-3, fused=True))


def apart(lanes: Lanes, updates: int) -> None:
    for lane, model in enumerate(lanes.models):
        weights = list(model.parameters())
        step = _optimizer(list(weights))
        for _ in range(updates):
            inputs, targets = lanes.batch(lane)
            for weight in weights:
                weight.grad = None
            F.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
            step()


def stacked(lanes: Lanes, updates: int) -> None:
    every = range(len(lanes.models))
    for _ in range(updates):
        gradients = lanes.gradients([lanes.batch(lane) for lane in every])
        for lane in every:
            lanes.apply(lane, gradients)


def threads(lanes: Lanes, updates: int) -> None:
    """One thread at a time works; it passes the turn on at each gradient."""
    count = len(lanes.models)
    turns = [threading.Semaphore(0) for _ in range(count)]
    batches: list[Any] = [None] * count
    found: list[tuple[Tensor, ...]] = [()]

    def run(lane: int) -> None:
        turns[lane].acquire()
        for _ in range(updates):
            batches[lane] = lanes.batch(lane)
            states = _random_states() if lanes.random else None
            if lane == count - 1:
                found[0] = lanes.gradients(batches)
            turns[(lane + 1) % count].release()
            turns[lane].acquire()
            if states is not None:
                _set_random_states(states)
            lanes.apply(lane, found[0])
        turns[(lane + 1) % count].release()

    workers = [threading.Thread(target=run, args=(lane,)) for lane in range(count)]
    for worker in workers:
        worker.start()
    turns[0].release()
    for worker in workers:
        worker.join()


def _random_states() -> tuple[Any, ...]:
    return torch.get_rng_state(), random.getstate(), np.random.get_state()


def _set_random_states(states: tuple[Any, ...]) -> None:
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(states[2])


ARMS = {"apart": apart, "stacked": stacked, "threads": threads}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("--model", choices=MODELS, default="tabular")
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--random", action="store_true")
    args = parser.parse_args()

    torch.set_num_threads(1)
    tune_allocator()
    lanes = Lanes(args.model, args.lanes, args.batch, args.device, args.random)
    if args.arm != "apart":
        lanes.stack()
    ARMS[args.arm](lanes, 5)
    start = _seconds(args.device)
    ARMS[args.arm](lanes, args.updates)
    seconds = _seconds(args.device) - start
    print(json.dumps({"update_us": seconds / args.updates / args.lanes * 1e6}))


def _seconds(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
