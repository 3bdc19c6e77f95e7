"""Random damage in every kind of file of a run, of a run of a training function, a sweep, a search and the
data cache, through every verb.

No traceback, no hang, no growth; and never another result without a word. `SWEEPBOARD_FUZZ` is how many
damages are tried, `SWEEPBOARD_FUZZ_SEED` where the random numbers start.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.command import TINY, Command, time_limit
from tests.programs.conftest import write_program

COUNT = int(os.environ.get("SWEEPBOARD_FUZZ", "60"))
SEED = int(os.environ.get("SWEEPBOARD_FUZZ_SEED", "0"))
RUNS = ("run", "photos", "program")
KINDS = ("run", "run", "sweep", "search", "photos", "program", "program")
TABLES = ("ls", "compare", "check", "doctor")
SECONDS = 60
MEMORY = 2 * 2**30
PAGE = 16 * 2**20
PROGRAM = ("--config-dir", "conf", "program._target_=train.main")

WRONG: tuple[Any, ...] = (
    None,
    5,
    -1,
    1e308,
    float("nan"),
    "x",
    "",
    [],
    [1],
    {},
    {"a": 1},
    True,
    10**30,
    "${a}",
    "\x1b[2J",
)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, one of images from the data cache, one of a training function, a sweep and a search, whole."""
    from tests.command import command_in, own_imports

    folder = tmp_path_factory.mktemp("fuzz") / "work"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch, own_imports(folder):
        run = command_in(folder, patch, _Silent())  # type: ignore[arg-type]
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        _write_images(folder / "images")
        images = ["dataset=image_folder", f"dataset.root={folder}/images", "dataset.image_size=8"]
        for name, data in {
            "run": ["dataset=gaussian"],
            "photos": [*images, "dataset.in_memory=true"],
        }.items():
            run(*TINY, *data, f"hydra.run.dir={name}")
            shutil.copytree(name, f"{name}-longer")
            run("resume", f"{name}-longer", "trainer.epochs=3")
            run("export", name, "--output", f"{name}.safetensors")
        write_program(folder)
        for name, steps in {"program": 6, "program-longer": 8}.items():
            run(*PROGRAM, f"hydra.run.dir={name}", f"steps={steps}")
        run(*TINY, "dataset=gaussian", "optimizer.lr=0.05", "hydra.run.dir=whole")
        run("-m", *TINY, "dataset=gaussian", "hydra.sweep.dir=sweep", "seed=1,2")
        search = ["hydra/sweeper=optuna", "hydra.sweeper.trials=2", "optimizer.lr=interval(0.001,0.1)"]
        run("-m", *TINY, "dataset=gaussian", "hydra.sweep.dir=search", *search)
    return folder


class _Silent:
    """In place of pytest's capture, which has no module scope."""

    def readouterr(self) -> tuple[str, str]:
        return "", ""


def _write_images(root: Path) -> None:
    """Write twenty small images of each of two classes, of random pixels."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        file = root / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)


def _flip(content: bytes, dice: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 8))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def _insert(content: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content))
    return content[:place] + dice.randbytes(dice.choice((1, 4, 100))) + content[place:]


def _retype(content: bytes, dice: random.Random) -> bytes:
    """A value of another type somewhere in JSON or YAML; other files are flipped."""
    from sweepboard import plain_yaml

    try:
        value = plain_yaml.load(content.decode())
    except Exception:
        return _flip(content, dice)
    places = list(_places(value))
    if not places:
        return _flip(content, dice)
    container, key = dice.choice(places)
    container[key] = dice.choice(WRONG)
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(items):
        yield value, key
        yield from _places(child)


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip, _cut, _insert, _retype, _retype)


@contextmanager
def _within_limits() -> Iterator[None]:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with time_limit(SECONDS):
        yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - memory < MEMORY


@pytest.mark.slow
@pytest.mark.parametrize("number", range(COUNT))
def test_damage_anywhere_is_told_in_a_line(
    number: int,
    originals: Path,
    command: Command,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sweepboard.cli import main

    dice = random.Random(SEED * 100_000 + number)
    kind = KINDS[number % len(KINDS)]
    shutil.copytree(originals / kind, f"all/{kind}")
    shutil.copytree(originals / "whole", "all/whole")
    shutil.copytree(originals / "cache", "cache")
    write_program(Path())
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("cache").resolve()))
    folder = Path("all", kind)
    place = Path("cache") if kind == "photos" else folder
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.stat().st_size)
    if number % 2 and kind != "photos":  # half of the damages are in what the tables show
        files = [path for path in files if path.name in ("run.json", "config.yaml")]
    before = {verb: _table(verb, capfd, caplog) for verb in TABLES}
    damaged, damage = dice.choice(files), dice.choice(DAMAGES)
    damaged.write_bytes(damage(damaged.read_bytes(), dice))
    for verb, (rows, told) in {verb: _table(verb, capfd, caplog) for verb in TABLES}.items():
        if not (_is_told(told, damaged) or _is_damage_in(rows)):
            kept = [row for row in rows if row in before[verb][0]] if verb in ("check", "doctor") else rows
            text = f"{damage.__name__} of {damaged}, {verb}: {before[verb]} became {rows}"
            assert kept == before[verb][0], text
    for words in (*_reading(folder), *_going_on(folder, dice), *_keeping_house(folder)):
        caplog.clear()
        with _within_limits():
            code = main(words)
        said = capfd.readouterr()
        text = f"{damage.__name__} of {damaged}, {' '.join(words)}: {said.out}{said.err}"
        assert "Traceback (most" not in said.out + said.err, text
        assert code in (0, 1, 2), text
        if words[0] in ("ls", "compare", "report"):
            assert "whole" in _shown(words[0], said.out), f"a table taken away: {text}"
        if code == 0 and not _is_told(said.out + said.err + caplog.text, damaged):
            assert not _other_result(words[0], folder, originals), f"another result, and nothing said: {text}"
        assert Path("all/whole/checkpoints/best.pt").is_file(), text
    if kind == "run" and folder.exists():
        _load_model(folder)


def _table(
    verb: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> tuple[list[dict[str, Any]], str]:
    """Return the rows that a verb prints of all runs, and its warnings."""
    from sweepboard.cli import main

    caplog.clear()
    with _within_limits():
        code = main([verb, "all", "--json"])
    said = capfd.readouterr()
    assert code in (0, 1), said.err
    assert said.out, f"{verb}: {said.err}{caplog.text}"
    return json.loads(said.out), caplog.text + said.err


def _is_damage_in(rows: list[dict[str, Any]]) -> bool:
    """Whether a table has a row that says what is damaged: a run's, or one of `check` and `doctor`."""
    told = ("damage", "damaged-file", "damaged-record", "torn-file", "cut-file")
    return any(row.get("status") == "damaged" or row.get("kind") in told for row in rows)


def _reading(folder: Path) -> list[list[str]]:
    verbs = [["ls", "all"], ["compare", "all"], ["check", "all"], ["doctor", "all"]]
    verbs += [["report", "all", "--output", "report.html"]]
    runs = [folder] if folder.name in RUNS else sorted(path.parent for path in folder.glob("*/run.json"))
    for run in map(str, runs):
        verbs += [["show", run], ["logs", run]]
    return [*verbs, ["plan", str(folder)]] if folder.name not in RUNS else verbs


def _shown(verb: str, said: str) -> str:
    """What a table shows, of `report` its page, which is of a size that a browser opens."""
    if verb != "report":
        return said
    assert Path("report.html").stat().st_size < PAGE
    return Path("report.html").read_text()


def _keeping_house(folder: Path) -> list[list[str]]:
    marked = [["tag", str(folder), "seen"], ["note", str(folder), "looked at"]] if folder.name in RUNS else []
    return [["gc", str(folder), "--yes"], *marked, ["rm", str(folder), "--yes"]]


def _going_on(folder: Path, dice: random.Random) -> list[list[str]]:
    if folder.name not in RUNS:
        return [["resume", str(folder)]]
    if folder.name == "program":
        verbs = [["rerun", str(folder), "hydra.run.dir=again"], ["verify", str(folder)]]
        verbs += [["diff", str(folder), "all/whole"], ["test", str(folder)], ["export", str(folder)]]
        return [*dice.sample(verbs, 3), ["resume", str(folder), "steps=8"]]
    verbs = [["diff", str(folder), "all/whole"], ["rerun", str(folder), "hydra.run.dir=again"]]
    verbs += [[verb, str(folder)] for verb in ("verify", "test")]
    verbs += [["export", str(folder), "--output", "model.safetensors"]]
    return [*dice.sample(verbs, 3), ["resume", str(folder), "trainer.epochs=3"]]


def _load_model(folder: Path) -> None:
    import sweepboard
    from sweepboard.errors import UserError

    with _within_limits(), suppress(UserError):
        sweepboard.load_model(folder)


def _is_told(said: str, damaged: Path) -> bool:
    """Whether the damaged file is named, or that its run's event files are not whole."""
    in_events = "tfevents" in damaged.name and ("event files" in said or "points" in said)
    return damaged.name in said or in_events


def _other_result(verb: str, folder: Path, originals: Path) -> bool:
    """Whether a verb that went well came to something else than it does with a whole folder."""
    if verb == "resume":
        name = f"{folder.name}-longer" if folder.name in RUNS else folder.name
        return _weights(folder) != _weights(originals / name)
    if verb == "rerun":
        return list(_weights(Path("again")).values()) != list(_weights(originals / folder.name).values())
    if verb == "export":
        return _tensors(Path("model.safetensors")) != _tensors(originals / f"{folder.name}.safetensors")
    return False


def _tensors(file: Path) -> dict[str, bytes]:
    from safetensors.torch import load_file

    return {name: tensor.numpy().tobytes() for name, tensor in load_file(file).items()}


def _weights(folder: Path) -> dict[str, Any]:
    """The digest of every finished run's weights, as far as its record can be read."""
    found = {}
    for path in sorted(folder.rglob("run.json")):
        try:
            record = json.loads(path.read_bytes())
            found[path.parent.name if path.parent != folder else ""] = record["weights_sha256"]
        except (ValueError, KeyError, TypeError):
            continue
    return found
