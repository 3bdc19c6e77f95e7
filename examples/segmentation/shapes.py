"""Pictures of shapes in noise, and which shape each pixel belongs to."""

import torch
from torch.utils.data import Dataset


class Shapes(Dataset):
    """A disc, a square and a triangle, one over the other; class 0 is the background."""

    def __init__(self, pictures=1000, size=32):
        self.pictures, self.size = pictures, size

    def __len__(self):
        return self.pictures

    def __getitem__(self, index):
        random = torch.Generator().manual_seed(index)
        y, x = torch.meshgrid(torch.arange(self.size), torch.arange(self.size), indexing="ij")
        mask = torch.zeros(self.size, self.size, dtype=torch.int64)
        image = torch.rand(3, self.size, self.size, generator=random) / 2
        for number in (1, 2, 3):
            radius = int(torch.randint(4, 8, (), generator=random))
            right, down = torch.randint(radius, self.size - radius, (2,), generator=random)
            dx, dy = (x - right).abs(), y - down
            disc, square = dx**2 + dy**2 < radius**2, dx.maximum(dy.abs()) < radius
            inside = (disc, square, square & (2 * dx < dy + radius))[number - 1]
            mask[inside] = number
            image[:, inside] += torch.rand(3, 1, generator=random) / 2
        return image, mask
