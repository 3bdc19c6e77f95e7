"""Images of clothes, as torchvision has them."""

import torch
from torch.utils.data import DataLoader, random_split
from torchvision import transforms
from torchvision.datasets import FashionMNIST


def fashion(batch_size):
    """Return loaders of training, validation and test images."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.286,), (0.353,))])
    images, test = (FashionMNIST("data", train, transform, download=True) for train in (True, False))
    train, val = random_split(images, [0.9, 0.1], torch.Generator().manual_seed(0))
    return DataLoader(train, batch_size, shuffle=True), DataLoader(val, 1000), DataLoader(test, 1000)
