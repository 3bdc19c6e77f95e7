"""Records of the wrong types, and configurations in pieces: one line, and never a table taken away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import TINY, Command, change_record
from tests.conftest import WriteRun
from tests.hostile_yaml import HOSTILE

RECORDS: list[dict[str, Any]] = [
    {"status": 5},
    {"overrides": None},
    {"best": {"accuracy": "high"}},
    {"started": "x"},
    {"epoch": "a"},
    {"seconds": None},
    {"primary_metric": [1]},
    {"groups": []},
    {"interpolations": {"a": {"b": 1}}},
    {"step": 10**400},
    {"pid": True},
    {"tests": ["one"]},
    {"metrics": [0.5]},
    {"swept": "seed"},
]


@pytest.mark.parametrize("values", RECORDS, ids=lambda values: next(iter(values)))
def test_a_value_of_another_type_is_a_row_that_says_so(
    values: dict[str, Any], write_run: WriteRun, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(Path("outputs/good"), {"optimizer.lr": 0.1})
    bad = write_run(Path("outputs/bad"), {"optimizer.lr": 0.2})
    change_record(bad, **values)
    key = next(iter(values))
    listed = command("ls").out
    assert "damaged" in listed
    assert key in listed
    assert "good" in listed
    compared = command("compare", "outputs")
    assert "damaged" in compared.out
    assert "good" in compared.out
    assert f"cannot be read: {key}" in caplog.text
    checked = command("check", "outputs", code=1)
    assert f"damage: bad: outputs/bad/run.json cannot be read: {key}" in checked.out
    assert "damaged-record" in command("doctor", "outputs", code=1).out
    for verb in ("diff", "resume", "verify", "rerun", "test", "export"):
        words = [verb, "outputs/bad", *(["outputs/good"] if verb == "diff" else [])]
        assert "run.json cannot be read" in command(*words, code=2).line


CONFIGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "model is a number": lambda config: config | {"model": 5},
    "dataset is a list": lambda config: config | {"dataset": [1]},
    "optimizer is null": lambda config: config | {"optimizer": None},
    "no configuration": lambda _: None,
    "a list": lambda config: [config],
    "another key type": lambda config: config | {"task": {1: 2}},
    "a trainer of texts": lambda config: config | {"trainer": config["trainer"] | {"epochs": "ten"}},
}


@pytest.mark.parametrize("change", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_damaged_configuration_is_told_and_never_called_comparable(
    change: Callable[[dict[str, Any]], Any], write_run: WriteRun, command: Command
) -> None:
    write_run(Path("outputs/good"))
    bad = write_run(Path("outputs/bad"))
    config = yaml.safe_load((bad / "config.yaml").read_text())
    (bad / "config.yaml").write_text(yaml.safe_dump(change(config)))
    assert "config.yaml cannot be read" in command("check", "outputs", code=1).out
    assert "damaged" in command("compare", "outputs").out
    assert "config.yaml cannot be read" in command("doctor", "outputs", code=1).out
    for verb in ("resume", "verify", "rerun", "test", "export"):
        assert "config.yaml cannot be read" in command(verb, "outputs/bad", code=2).line


@pytest.mark.parametrize(
    "name", ["merged mappings", "a document that is itself", "mappings of aliases", "500 mappings in blocks"]
)
def test_a_configuration_that_stands_for_too_much_is_damage(
    name: str, write_run: WriteRun, command: Command
) -> None:
    write_run(Path("outputs/good"))
    bad = write_run(Path("outputs/bad"))
    (bad / "config.yaml").write_text(HOSTILE[name])
    started = time.process_time()
    assert "config.yaml cannot be read" in command("check", "outputs", code=1).out
    assert "config.yaml cannot be read" in command("doctor", "outputs", code=1).out
    assert "damaged" in command("compare", "outputs").out
    command("ls", "outputs")
    for verb in ("resume", "verify", "rerun", "test", "export", "diff"):
        words = [verb, "outputs/bad", *(["outputs/good"] if verb == "diff" else [])]
        assert "config.yaml cannot be read" in command(*words, code=2).line
    assert time.process_time() - started < 30


def test_a_configuration_that_was_cut_is_one_line_and_trains_nothing_else(command: Command) -> None:
    command(*TINY, "dataset=gaussian", "hydra.run.dir=run")
    lines = Path("run/config.yaml").read_text().splitlines(keepends=True)
    for length in range(0, len(lines), 7):
        Path("run/config.yaml").write_text("".join(lines[:length]))
        for verb in ("verify", "test", "export"):
            assert "run/config.yaml" in command(verb, "run", code=2).line


@pytest.mark.parametrize("key", ["augment_padding:", "  interval:", "every_steps:", "  accumulate:"])
def test_a_setting_that_lost_its_name_is_one_line(key: str, command: Command) -> None:
    command(*TINY, "dataset=gaussian", "hydra.run.dir=run")
    config = Path("run/config.yaml").read_text()
    assert key in config
    Path("run/config.yaml").write_text(config.replace(key, f"{key[:-2]}\u00a0:"))
    for verb in ("verify", "test", "export"):
        assert "run/config.yaml cannot be read" in command(verb, "run", code=2).line


def test_a_metric_that_was_nan_is_no_damage(write_run: WriteRun, command: Command) -> None:
    run = write_run(Path("outputs/run"))
    change_record(run, best={"accuracy": None}, metrics={"val/loss": None})
    listed = command("ls")
    assert "nan" in listed.out
    assert not listed.err
    assert command("ls", "--json").json[0]["best"] == {"accuracy": None}


def _without(state: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != key}


STATES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no total": lambda state: _without(state, "total_steps"),
    "no learner": lambda state: _without(state, "learner"),
    "nothing due": lambda state: _without(state, "due"),
    "a text for a monitor": lambda state: state | {"monitor": "x"},
    "a list for a learner": lambda state: state | {"learner": [1]},
    "no random states": lambda state: state | {"random": None},
}


@pytest.mark.parametrize("change", STATES.values(), ids=STATES.keys())
def test_a_checkpoint_of_our_format_with_other_keys_is_one_line(
    change: Callable[[dict[str, Any]], dict[str, Any]], command: Command
) -> None:
    from sweepboard.training.checkpoint_file import load_checkpoint, packed

    command(*TINY, "dataset=gaussian", "hydra.run.dir=run")
    place = Path("run/checkpoints")
    state = _without(load_checkpoint(place / "last.pt"), "format")
    for name in ("last.pt", "last.previous.pt", "best.pt"):
        (place / name).write_bytes(packed(change(state)))
    said = command("resume", "run", "trainer.epochs=3", code=1).err
    assert "does not fit this run" in said
    assert "Traceback" not in said
    assert "does not fit" in command("export", "run", code=1).err


def test_a_checkpoint_that_unpacks_to_more_than_its_size_is_not_opened(tmp_path: Path) -> None:
    import hashlib
    import io
    import zipfile

    from sweepboard.training.checkpoint_file import DamagedCheckpoint, unpacked

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
        archive.comment = b"sha256:" + b"0" * 64
    content = buffer.getvalue()[:-71]
    digest = hashlib.sha256(content).hexdigest().encode()
    with pytest.raises(DamagedCheckpoint, match="more than its size"):
        unpacked(content + b"sha256:" + digest, tmp_path / "last.pt")
