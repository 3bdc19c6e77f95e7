"""What a callback logs is what TensorBoard's own readers and pages show."""

from __future__ import annotations

import io
import urllib.parse
import urllib.request
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.open_board import open_board
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.settings import LoggingSettings
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress
from tests.board.tiny import tiny_run
from tests.tensorboard_server import Server, eventually, tensorboard_server

SOUND = torch.sin(torch.arange(800) * 0.1)
VERTICES = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
FILM = torch.stack([torch.full((8, 8, 3), level) for level in (0.0, 0.5, 1.0)])


class Everything(Callback):
    """Logs one of each kind at every validation (steps 5, 10, 15)."""

    def on_validation(self, progress: Progress) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(1, 1), dpi=60)
        figure.subplots().plot([0, 1])
        log = progress.log
        log.scalars({"own/number": progress.step, "own/half": torch.tensor(0.5)})
        log.image("own/picture", torch.rand(3, 6, 7))
        log.figure("own/figure", figure)
        log.text("own/text", f"**step** {progress.step}")
        log.audio("own/sound", SOUND, rate=8000)
        log.histogram("own/histogram", torch.tensor([1.0, 2.0, 3.0, float("nan")]))
        log.mesh("own/mesh", VERTICES, faces=[[0, 1, 2]], colours=[[255, 0, 0]] * 3)
        log.video("own/film", FILM, fps=10)


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logdir = tmp_path_factory.mktemp("logs")
    run = logdir / "run"
    run.mkdir()
    tiny_run([*open_board(run, LoggingSettings(images=0), {"lr": 0.1}, "g", {}).values(), Everything()])
    return logdir


def test_an_event_accumulator_reads_each_step_once(logdir: Path) -> None:
    reader: Any = EventAccumulator(str(logdir / "run"))
    reader.Reload()
    assert [(each.step, each.value) for each in reader.Scalars("own/number")] == [(5, 5), (10, 10), (15, 15)]
    assert read_scalars(logdir / "run")["own/half"].values.tolist() == [0.5] * 3
    for tag in ("own/picture", "own/figure", "own/film"):
        assert [each.step for each in reader.Images(tag)] == [5, 10, 15]
    picture = Image.open(io.BytesIO(reader.Images("own/picture")[0].encoded_image_string))
    assert (picture.format, picture.size, picture.mode) == ("PNG", (7, 6), "RGB")
    film: Any = Image.open(io.BytesIO(reader.Images("own/film")[0].encoded_image_string))
    assert (film.format, film.n_frames, film.info["duration"]) == ("GIF", 3, 100)
    assert reader.Audio("own/sound")[0].sample_rate == 8000
    assert [each.step for each in reader.Tensors("own/mesh_VERTEX")] == [5, 10, 15]
    buckets = np.frombuffer(reader.Tensors("own/histogram")[0].tensor_proto.tensor_content, np.float64)
    assert buckets.reshape(-1, 3)[:, 2].sum() == 3


def content(server: Server, path: str, **query: Any) -> bytes:
    asked = f"?{urllib.parse.urlencode(query)}" if query else ""
    with urllib.request.urlopen(f"{server.url}{path}{asked}", timeout=30) as answer:
        return bytes(answer.read())


@pytest.mark.slow
@pytest.mark.parametrize("fast", [False, True], ids=["slow loader", "fast loader"])
def test_a_real_tensorboard_shows_it(logdir: Path, fast: bool) -> None:
    with tensorboard_server(logdir, fast) as server:
        eventually(lambda: server.steps("run", "own/number"), [5, 10, 15])
        sounds = server.get("data/plugin/audio/audio", run="run", tag="own/sound", sample="0")
        assert [each["step"] for each in sounds] == [5, 10, 15]
        sound = content(server, "data/plugin/audio/individualAudio?" + sounds[0]["query"])
        with wave.open(io.BytesIO(sound)) as file:
            assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (8000, 800, 1)
        films = server.get("data/plugin/images/images", run="run", tag="own/film", sample="0")
        assert content(server, "data/plugin/images/individualImage?" + films[0]["query"])[:3] == b"GIF"
        assert server.get("data/plugin/mesh/tags")["run"].keys() == {"own/mesh"}
        meshes = server.get("data/plugin/mesh/meshes", run="run", tag="own/mesh", sample="0")
        assert sorted({each["step"] for each in meshes}) == [5, 10, 15]
        assert len(meshes) == 9  # vertices, faces and colours
        asked = {"run": "run", "tag": "own/mesh", "sample": 0, "step": 5, "content_type": "VERTEX"}
        points = np.frombuffer(content(server, "data/plugin/mesh/data", **asked), np.float32)
        assert points.reshape(-1, 3).tolist() == VERTICES
        texts = server.get("data/plugin/text/text", run="run", tag="own/text")
        assert "<strong>step</strong> 15" in texts[-1]["text"]
