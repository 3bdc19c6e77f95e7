"""The plain tutorial script: a DataLoader with per-sample transforms, Adam, `loss.item()` at every batch.

As the beginners' pages of PyTorch have it: PIL image, ToTensor, Normalize, the default workers=0, a running
loss printed every 100 batches, the test set at the end. The last line printed is JSON for the harness.
"""

import argparse
import json
import time
from typing import TypeAlias

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

Loader: TypeAlias = "DataLoader[tuple[torch.Tensor, torch.Tensor]]"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 10),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.features(images))
        return logits


def train(
    model: nn.Module,
    loader: Loader,
    criterion: nn.Module,
    optimizer: torch.optim.Optimizer,
    limit: int | None,
    clock: dict[str, float],
) -> int:
    """One epoch, or up to `limit` updates. Returns the updates made."""
    model.train()
    running_loss = 0.0
    for batch, (images, labels) in enumerate(loader, start=1):
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        clock.setdefault("first_update_at", time.time())
        if batch % 100 == 0:
            print(f"batch {batch:5d}  loss {running_loss / 100:.4f}")
            running_loss = 0.0
        if batch == limit:
            break
    return batch


@torch.no_grad()
def test(model: nn.Module, loader: Loader, size: int) -> float:
    """Share of right answers."""
    model.eval()
    correct = 0.0
    for images, labels in loader:
        correct += (model(images).argmax(dim=1) == labels).sum().item()
    return correct / size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="data")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="stop each epoch after so many updates")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.2860,), (0.3530,))])
    train_set = datasets.FashionMNIST(args.root, train=True, download=True, transform=transform)
    test_set = datasets.FashionMNIST(args.root, train=False, download=True, transform=transform)
    train_loader = DataLoader(train_set, batch_size=args.batch, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=1000)

    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    updates = 0
    clock: dict[str, float] = {}
    for epoch in range(args.epochs):
        print(f"epoch {epoch + 1}")
        updates += train(model, train_loader, criterion, optimizer, args.steps, clock)
    accuracy = test(model, test_loader, len(test_set))
    print(f"test accuracy {accuracy:.4f}")
    torch.save(model.state_dict(), "model.pt")
    print(json.dumps({"updates": updates, "accuracy": accuracy, **clock}))


if __name__ == "__main__":
    main()
