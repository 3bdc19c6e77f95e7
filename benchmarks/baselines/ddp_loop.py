"""The bare loop in several processes, as `torchrun` and DistributedDataParallel make it from one.

Each rank takes its share of every batch of 64. Rank 0 prints the median time of an update as JSON.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from benchmarks.baselines.bare_loop import cnn, training_set, tune_allocator
from benchmarks.clock import microseconds_per_update


def train(updates: int, batch: int = 64) -> list[float]:
    """Returns when each update ended, in seconds."""
    rank, ranks = dist.get_rank(), dist.get_world_size()
    images, labels = training_set()
    model = DistributedDataParallel(cnn().to(memory_format=torch.channels_last), gradient_as_bucket_view=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    order, times = torch.Generator().manual_seed(0), list[float]()
    while True:
        for whole in torch.randperm(len(images), generator=order).split(batch):  # type: ignore[no-untyped-call]
            chosen = whole.tensor_split(ranks)[rank]
            logits = model(images.index_select(0, chosen))
            loss = F.cross_entropy(logits, labels.index_select(0, chosen))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            times.append(time.perf_counter())
            if len(times) == updates:
                return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=600)
    args = parser.parse_args()

    tune_allocator()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    times = train(args.updates)
    if dist.get_rank() == 0:
        print(json.dumps({"updates": len(times), "update_us": microseconds_per_update(times)}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
