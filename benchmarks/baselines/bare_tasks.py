"""Bare loops of the language model, the GAN and the table, tuned by hand as `bare_loop.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import workloads
from benchmarks.baselines.bare_loop import arithmetic, training_set, tune_allocator
from benchmarks.baselines.tokens import mapped
from benchmarks.clock import Updates


def chosen(count: int, batch: int) -> Iterator[Tensor]:
    """Whole batches of indices, epoch after epoch."""
    while True:
        for indices in torch.randperm(count).split(batch):  # type: ignore[no-untyped-call]
            if len(indices) == batch:
                yield indices


def language_model(batch: int, precision: str = "fp32") -> Callable[[], None]:
    """The loop and the batches of nanoGPT: windows anywhere in a packed file that is mapped into memory."""
    tokens, model, block = mapped(), workloads.ByteModel(), workloads.BLOCK
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def windows(starts: list[int]) -> Tensor:
        return torch.stack([torch.from_numpy(tokens[at : at + block].astype(np.int64)) for at in starts])

    def update() -> None:
        starts = torch.randint(len(tokens) - block, (batch,)).tolist()
        ids, following = windows(starts), windows([start + 1 for start in starts])
        with arithmetic(precision):
            loss = workloads.next_byte_loss(model, ids, following)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return update


def gan(batch: int) -> Callable[[], None]:
    images, model = training_set()[0].flatten(1), workloads.Gan()
    weights = {name: list(part.parameters()) for name, part in model.named_children()}
    optimizers = {name: torch.optim.Adam(each, lr=2e-4, fused=True) for name, each in weights.items()}
    order = chosen(len(images), batch)

    def step(name: str, loss: Tensor) -> None:
        loss.backward(inputs=weights[name])  # type: ignore[no-untyped-call]
        optimizers[name].step()
        optimizers[name].zero_grad()

    def update() -> None:
        fake = model.draw(batch)
        step("critic", workloads.critic_loss(model, images.index_select(0, next(order)), fake))
        step("generator", workloads.generator_loss(model, fake))

    return update


def tabular(batch: int) -> Callable[[], None]:
    (rows, classes), model = workloads.table().tensors, workloads.tabular_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    order = chosen(len(rows), batch)

    def update() -> None:
        indices = next(order)
        logits = model(rows.index_select(0, indices))
        F.cross_entropy(logits, classes.index_select(0, indices)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return update


def language_model_bf16(batch: int) -> Callable[[], None]:
    return language_model(batch, "bf16")


WORK = {
    "language_model": language_model,
    "language_model_bf16": language_model_bf16,
    "gan": gan,
    "tabular": tabular,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    args = parser.parse_args()

    tune_allocator()
    torch.manual_seed(0)
    update, updates = WORK[args.work](args.batch), Updates()
    for _ in range(args.updates):
        update()
        updates.end()
    updates.print()


if __name__ == "__main__":
    main()
