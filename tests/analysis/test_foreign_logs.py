"""Logs of other tools, as public reports describe them: one training is one row, of the points that count."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from torch.utils.tensorboard import SummaryWriter

from tests.command import Command
from tests.hostile_yaml import HOSTILE

Curves = Mapping[str, Sequence[tuple[int, float]]]


def write(folder: str, curves: Curves, hparams: Mapping[str, Any] | None = None, **options: Any) -> None:
    with SummaryWriter(folder, **options) as writer:
        for tag, points in curves.items():
            for step, value in points:
                writer.add_scalar(tag, value, step)
        if hparams:
            writer.add_hparams(dict(hparams), {})


def rows(command: Command, *words: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in command("compare", *words, "--json").json}


@pytest.mark.parametrize("parts", [("train", "validation"), ("train", "val", "test"), ("Train", "eval")])
def test_folders_of_training_and_validation_are_one_run(command: Command, parts: Sequence[str]) -> None:
    for name, best in (("a", 0.2), ("b", 0.4)):
        for place, part in enumerate(parts):
            write(f"logs/{name}/{part}", {"epoch_loss": [(0, 0.9), (1, best + place)]})
    found = rows(command, "logs")
    assert list(found) == ["a", "b"]
    assert set(found["a"]["metrics"]) == {f"{part}/epoch_loss" for part in parts}
    held_out = f"{parts[1]}/epoch_loss"
    assert next(iter(found["a"]["metrics"])) == held_out, "held-out data come before training data"
    assert set(found["b"]["metrics"]) == set(found["a"]["metrics"])


def test_an_evaluation_below_the_run_it_is_of_joins_it(command: Command) -> None:
    write("est/run", {"loss": [(1, 1.0)]})
    write("est/run/eval", {"accuracy": [(1, 0.5)], "eval/loss": [(1, 2.0)]})
    write("alone/test", {"loss": [(1, 1.0)]})
    assert set(rows(command, "est")["run"]["metrics"]) == {"loss", "eval/accuracy", "eval/loss"}
    assert set(rows(command, "alone")["test"]["metrics"]) == {"loss"}, "one folder is no part of anything"


@pytest.mark.parametrize("purge", [100, 60])
def test_points_that_a_resumed_writer_said_are_void_do_not_count(command: Command, purge: int) -> None:
    lucky = [(step, 0.01 if step == 120 else 1.0) for step in range(0, 150, 10)]
    write("logs/run", {"val/loss": lucky, "val/gone": [(130, 1.0)]}, filename_suffix=".1")
    resumed = [(step, 0.5) for step in range(purge, 200, 7)]
    write("logs/run", {"val/loss": resumed}, purge_step=purge, filename_suffix=".2")
    metrics = rows(command, "logs")["run"]["metrics"]
    assert [metrics["val/loss"][part]["mean"] for part in ("best", "last", "step")] == [0.5, 0.5, purge]
    assert "val/gone" not in metrics


def test_a_restart_from_the_start_voids_nothing_of_what_came_after(command: Command) -> None:
    write("logs/run", {"val/loss": [(step, 2.0) for step in range(20)]}, purge_step=0)
    assert rows(command, "logs")["run"]["metrics"]["val/loss"]["best"]["mean"] == 2.0


def test_steps_that_go_back_are_told(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    write("two/run", {"val/loss": [(step, 1.0) for step in range(5)]}, filename_suffix=".rank0")
    write("two/run", {"val/loss": [(step, 5.0) for step in range(5)]}, filename_suffix=".rank1")
    write("one/run", {"val/loss": [(step, 1.0) for step in range(5)]})
    command("compare", "two")
    assert "run: steps of val/loss go back" in caplog.text
    caplog.clear()
    command("compare", "one")
    assert not caplog.text


@pytest.mark.parametrize(
    ("folder", "tag", "metric"),
    [
        ("loss_val/cats", "loss", "loss/val/cats"),
        ("my loss_train", "my_loss", "my_loss/train"),
        ("a_b_c/d/e", "a/b", "a/b/c/d/e"),
    ],
)
def test_folders_of_add_scalars_whatever_its_keys(
    command: Command, folder: str, tag: str, metric: str
) -> None:
    write("logs/run", {"accuracy": [(1, 0.5)]})
    write(f"logs/run/{folder}", {tag: [(1, 1.0)]})
    assert set(rows(command, "logs")["run"]["metrics"]) == {"accuracy", metric}


def test_hparams_without_metrics_belong_to_their_run_and_places_are_none(command: Command) -> None:
    for seed in (1, 2):
        for rate in (1e-4, 1e-5):
            place = f"out-{rate}-{seed}"
            settings = {"learning_rate": rate, "seed": seed, "output_dir": place, "run_name": place}
            write(f"hf/{place}/runs/Nov26_host", {"eval/loss": [(1, rate), (2, rate * seed)]}, settings)
    found = command("compare", "hf", "--json").json
    assert [row["differing"] for row in found] == [{"learning_rate": 1e-05}, {"learning_rate": 0.0001}]
    assert [[run["seed"] for run in row["runs"]] for row in found] == [[1, 2], [1, 2]]


@pytest.mark.parametrize("seed", [None, 42])
def test_a_resumed_training_in_a_new_folder_is_no_second_repeat(
    command: Command, caplog: pytest.LogCaptureFixture, seed: int | None
) -> None:
    settings = {"lr": 0.1} | ({} if seed is None else {"seed": seed})
    for version, start in enumerate((0, 5, 10)):
        points = [(step, 1 - 0.05 * step) for step in range(start, start + 5)]
        write(f"logs/version_{version}", {"val_loss": points, f"only/{version}": points}, settings)
    [row] = command("compare", "logs", "--json").json
    assert [row["metrics"]["val_loss"][part]["mean"] for part in ("best", "step")] == pytest.approx([0.3, 14])
    assert {f"only/{version}" for version in range(3)} < set(row["metrics"])
    assert "version_1 goes on where version_0 ended: compared as one run" in caplog.text


def test_repeats_are_repeats_and_copies_of_one_seed_are_told(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    points = [(step, 1 - 0.05 * step) for step in range(5)]
    for version in range(2):
        write(f"logs/version_{version}", {"val_loss": points}, {"lr": 0.1})
        write(f"seeds/version_{version}", {"val_loss": points}, {"lr": 0.1, "seed": version})
        write(f"copies/version_{version}", {"val_loss": points}, {"lr": 0.1, "seed": 1})
    for folder in ("logs", "seeds"):
        assert [len(row["runs"]) for row in command("compare", folder, "--json").json] == [2]
    assert not caplog.text
    command("compare", "copies", "--runs")
    assert not caplog.text
    command("compare", "copies")
    assert "version_*: several runs of one seed" in caplog.text


LIGHTNING = """
lr: {}
betas: !!python/tuple
- 0.9
- 0.99
place: !!python/object/apply:pathlib.PosixPath
- /
- tmp
act: !!python/name:torch.nn.modules.activation.ReLU ''
weights: !!python/object/apply:torch._utils._rebuild_tensor_v2
- !!python/object/apply:torch.storage._load_from_bytes
  - !!binary |
    gAKKCmz8nEb5IGqoUBkugAJN6QMu
- 0
"""


def test_hparams_of_lightning_with_python_objects_are_read_and_nothing_is_built(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    for version, rate in enumerate((0.1, 0.2)):
        write(f"pl/version_{version}", {"val_loss": [(0, rate)]})
        Path(f"pl/version_{version}/hparams.yaml").write_text(LIGHTNING.format(rate))
    found = rows(command, "pl")
    assert not caplog.text
    assert found["version_0"]["differing"] == {"lr": 0.1}
    assert found["version_0"]["hparams"] == {
        "lr": 0.1,
        "betas": "[0.9, 0.99]",
        "place": "['/', 'tmp']",
        "act": "torch.nn.modules.activation.ReLU",
        "weights": "[['gAKKCmz8nEb5IGqoUBkugAJN6QMu\\n'], 0]",
    }


@pytest.mark.parametrize("text", [HOSTILE["mappings of aliases"], "a: &a !!python/tuple [*a]", "[" * 3000])
def test_hparams_that_stand_for_too_much_cost_their_run_only(
    text: str, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    for version, rate in enumerate((0.1, 0.2, 0.3)):
        write(f"pl/version_{version}", {"val_loss": [(0, rate)]})
        Path(f"pl/version_{version}/hparams.yaml").write_text(LIGHTNING.format(rate))
    Path("pl/version_2/hparams.yaml").write_text(f"lr: !!python/tuple [1]\n{text}")
    found = rows(command, "pl")
    assert found["version_1"]["differing"]["lr"] == 0.2
    assert "version_2/hparams.yaml" in caplog.text
    for verb, code in (("ls", 0), ("check", 0), ("doctor", 0)):
        command(verb, "pl", code=code)


def test_an_aggregate_says_what_has_no_mean(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    for seed in range(2):
        shifted = [(10 * step + seed, 1.0) for step in range(3)]
        write(f"some/seed={seed}", {"val/loss": shifted, "val/acc": [(1, 0.5), (2, 0.6)]})
        write(f"none/seed={seed}", {"val/loss": shifted})
    command("compare", "some", "--aggregate")
    assert "--aggregate leaves out val/loss: its runs have no step in common" in caplog.text
    assert "no metric has a mean in any config" in command("compare", "none", "--aggregate", code=2).line
    assert not Path("none/aggregate").exists()


@pytest.mark.parametrize("name", ["._{}", "{}.gz", "{}.zip"])
def test_what_is_no_event_file_is_called_so(command: Command, name: str) -> None:
    write("logs/run", {"val/loss": [(1, 1.0)]})
    [file] = Path("logs/run").iterdir()
    file.with_name(name.format(file.name)).write_bytes(gzip.compress(file.read_bytes()))
    assert "is no event file, or damaged from its first byte on" in command("doctor", "logs", code=1).out
