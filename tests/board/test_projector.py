"""What the projector reads: points, classes and thumbnails of the same samples in the same order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from sweepboard.board.images import to_pixels
from sweepboard.board.model_outputs import outputs_of
from sweepboard.board.projector import Embeddings, sprite
from sweepboard.data.types import DataSpec
from tests.board.tiny import IMAGES, NUMBERS, VECTORS, tiny_run


@pytest.mark.parametrize(("spec", "count"), [(IMAGES, 10), (VECTORS, 1000)], ids=["images", "vectors"])
def test_the_files_belong_together(spec: DataSpec, count: int, tmp_path: Path) -> None:
    progress = tiny_run([Embeddings(tmp_path, count)], spec)
    assert progress.data.val is not None
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (info,) = config.embeddings
    inputs, targets = progress.data.val.first(count)

    points = np.loadtxt(tmp_path / info.tensor_path, delimiter="\t")
    shown = outputs_of(progress.learner, (inputs, targets))
    assert shown is not None
    np.testing.assert_allclose(points, shown.outputs, rtol=1e-4)
    header, *rows = (tmp_path / info.metadata_path).read_text().splitlines()
    assert header == "true\tpredicted"
    names = spec.class_names or ("0", "1", "2")
    assert [row.split("\t")[0] for row in rows] == [names[target] for target in targets.tolist()]
    assert [row.split("\t")[1] for row in rows] == [names[chosen] for chosen in points.argmax(1)]
    if spec.is_image:
        sheet = np.asarray(Image.open(tmp_path / info.sprite.image_path))
        assert list(info.sprite.single_image_dim) == [8, 8]
        np.testing.assert_array_equal(sheet[8:16, 16:24], to_pixels(inputs, spec)[4 + 2])
    assert not [path for path in tmp_path.rglob("*") if "tfevents" in path.name]


def test_two_classes_are_lifted_out_of_the_plane_in_which_the_projector_draws_nothing(tmp_path: Path) -> None:
    tiny_run([Embeddings(tmp_path, 5)], DataSpec((6,), classes=2))
    points = np.loadtxt(tmp_path / "projector" / "points.tsv", delimiter="\t")
    assert points.shape == (5, 3)
    assert (points[:, 2] == 0).all()


def test_a_sprite_stays_within_what_browsers_draw() -> None:
    sheet = sprite(np.zeros((400, 512, 300, 3), dtype=np.uint8))
    assert max(sheet.size) <= 8192
    assert (sheet.width % 20, sheet.height % 20) == (0, 0)


def test_real_numbers_have_no_cloud(tmp_path: Path) -> None:
    tiny_run([Embeddings(tmp_path, 10)], NUMBERS)
    assert list(tmp_path.iterdir()) == []
