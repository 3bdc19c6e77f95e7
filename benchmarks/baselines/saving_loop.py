"""A loop that saves the model and the optimizer with `torch.save`, as the pages of PyTorch have it."""

from __future__ import annotations

import argparse
import json

import torch
import torch.nn.functional as F

from benchmarks import workloads
from benchmarks.baselines.bare_loop import tune_allocator
from benchmarks.baselines.bare_tasks import chosen
from benchmarks.clock import Stalls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--every", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    args = parser.parse_args()

    tune_allocator()
    (inputs, targets), model = workloads.vectors().tensors, workloads.gigabyte_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    order, stalls = chosen(len(inputs), args.batch), Stalls(model, args.every)
    for step in range(1, args.updates + 1):
        indices = next(order)
        F.mse_loss(model(inputs[indices]), targets[indices]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        stalls.end()
        if step % args.every == 0:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "last.pt")
    print(json.dumps(stalls.facts()))


if __name__ == "__main__":
    main()
