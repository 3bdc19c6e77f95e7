"""Pictures of rectangles and ellipses in noise, with the box and the class of each."""

import torch
from torch.utils.data import Dataset


class Boxes(Dataset):
    """One to three things in each picture: class 1 is a rectangle, class 2 an ellipse."""

    def __init__(self, pictures=600, size=64):
        self.pictures, self.size = pictures, size

    def __len__(self):
        return self.pictures

    def __getitem__(self, index):
        random = torch.Generator().manual_seed(index)
        y, x = torch.meshgrid(torch.arange(self.size), torch.arange(self.size), indexing="ij")
        image = torch.rand(3, self.size, self.size, generator=random) / 2
        boxes, labels = [], []
        for _ in range(int(torch.randint(1, 4, (), generator=random))):
            size = torch.randint(12, 28, (2,), generator=random)
            corner = (torch.rand(2, generator=random) * (self.size - size)).int()
            label = int(torch.randint(1, 3, (), generator=random))
            right, down = ((at - corner[i]) / size[i] * 2 - 1 for i, at in enumerate((x, y)))
            far = right.abs().maximum(down.abs()) if label == 1 else right**2 + down**2
            image[:, far <= 1] = image[:, far <= 1] / 4 + torch.rand(3, 1, generator=random) * 0.75
            boxes.append(torch.cat([corner, corner + size]))
            labels.append(label)
        return image, {"boxes": torch.stack(boxes).float(), "labels": torch.tensor(labels)}

    def collate_fn(self, samples):
        """Images have different numbers of boxes: a batch is a list of images and a list of targets."""
        return tuple(map(list, zip(*samples, strict=True)))
