"""The least that a script can do: import torch, make the CNN and its optimizer, and one update on noise."""

from __future__ import annotations

import json
import time

import torch
import torch.nn.functional as F
from torch import nn


def main() -> None:
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images, classes = torch.randn(64, 1, 28, 28), torch.randint(10, (64,))
    F.cross_entropy(model(images), classes).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    print(json.dumps({"updates": 1, "first_update_at": time.time()}))


if __name__ == "__main__":
    main()
