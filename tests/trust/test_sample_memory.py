"""What a stranger's transforms make of a sample is bounded, whatever they are and whatever its shape."""

from __future__ import annotations

import resource
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from sweepboard.settings import DatasetSettings
from tests.command import TINY, Command, only_run
from tests.trust.attacks import edit_config

SAY = "type dataset.root=... or dataset.transform=... with smaller ones"


def part(name: str, **arguments: Any) -> dict[str, Any]:
    """The node of a transform, of the first kind unless `name` begins with `v2.`."""
    return {"_target_": f"torchvision.transforms.{name}", **arguments}


def chain(*parts: dict[str, Any], of: str = "Compose") -> dict[str, Any]:
    """Transforms in a list, then a tensor."""
    return part("Compose", transforms=[part(of, transforms=list(parts)), part("ToTensor")])


PAD, PAD2 = part("Pad", padding=4000), part("v2.Pad", padding=4000)
SHAPES: dict[str, tuple[list[int], dict[str, Any]]] = {
    "a chain": ([3, 8, 8], chain(*[PAD] * 20)),
    "a chain in chains": ([3, 8, 8], chain(*[chain(*[PAD] * 4)["transforms"][0]] * 5)),
    "in an order by chance": ([3, 8, 8], chain(*[PAD] * 20, of="RandomOrder")),
    "the shape of the picture": ([3, 1, 60_000], chain(part("Resize", size=4000))),
    "the shape of the picture, cut later": (
        [3, 1, 60_000], chain(part("Resize", size=4000), part("CenterCrop", size=8)),
    ),
    "a scale": ([3, 8, 8], chain(part("v2.ScaleJitter", target_size=[4000, 4000], scale_range=[20.5, 20.5]))),
    "a zoom": ([3, 64, 64], chain(part("v2.RandomZoomOut", side_range=[2000.5, 2000.5], p=1.0))),
    "tensors": ([3, 8, 8], part("v2.Compose", transforms=[part("v2.ToImage"), *[PAD2] * 9])),
}  # fmt: skip


def with_transform(run: Path, shape: list[int], transform: dict[str, Any], **shared: Any) -> None:
    """Let the run train on random pictures of a shape, as a stranger would."""
    data = {"_target_": "torchvision.datasets.FakeData", "size": 200, "image_size": shape, "num_classes": 10}
    settings = asdict(DatasetSettings()) | {"batch_size": 4, "eval_batch_size": 4} | shared
    edit_config(run, dataset=settings | data | {"transform": transform})


@pytest.fixture
def run(command: Command) -> Path:
    """A finished run."""
    command(*TINY)
    return only_run(Path("outputs"))


@pytest.mark.parametrize(("shape", "transform"), SHAPES.values(), ids=SHAPES)
def test_a_sample_that_grows_without_bound_is_refused(
    shape: list[int], transform: dict[str, Any], run: Path, command: Command
) -> None:
    with_transform(run, shape, transform)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    line = command("rerun", str(run), code=1).line
    assert line.startswith("sweepboard: sample 0 of FakeData: takes more than 2 GiB of memory")
    assert SAY in line
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


MANY = chain(
    part("Resize", size=[256, 256]), part("RandomCrop", size=[224, 224]), part("CenterCrop", size=16)
)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_recipe_of_usual_sizes_is_trained(workers: int, run: Path, command: Command) -> None:
    with_transform(run, [3, 16, 16], MANY, workers=workers, in_memory=False, val_fraction=0)
    command("rerun", str(run), "dataset.eval_transform=null")


def test_what_a_later_sample_takes_in_a_worker_is_told_in_a_line(run: Path, command: Command) -> None:
    """A worker is another process, and its limit its own."""
    some = part("RandomChoice", transforms=[part("Pad", padding=0), chain(*[PAD] * 12)["transforms"][0]])
    with_transform(run, [3, 8, 8], chain(some, part("CenterCrop", size=8)), workers=1, val_fraction=0)
    assert SAY in command("rerun", str(run), code=1).err


def test_what_a_batch_transform_makes_is_bounded_too(run: Path, command: Command) -> None:
    with_transform(run, [3, 8, 8], part("ToTensor"), val_fraction=0)
    pads = part("v2.Compose", transforms=[part("v2.Pad", padding=4000)] * 3)
    edit_config(run, dataset__batch_transform=pads)
    line = command("rerun", str(run), code=2).line
    assert line.startswith("sweepboard: dataset.batch_transform: takes more than 2 GiB of memory")
    assert line.endswith("type dataset.batch_transform=... with smaller ones")
