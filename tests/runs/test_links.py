"""Nothing is written through a link, in folders of runs, sweeps and searches, found or asked for by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweepboard.files import alone_in
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import LinkInFolder, claimed, only_writer
from tests.command import TINY, Command, only_run

PRECIOUS = "precious, and longer than what a lock says of its holder: " + "x" * 200


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    file = tmp_path / "victim"
    file.write_text(PRECIOUS)
    return file


def link(at: Path, to: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(to)


SEARCH = ("-m", *TINY, "hydra/sweeper=optuna", "optimizer.lr=interval(0.01,0.1)", "hydra.sweep.dir=named")
GRID = ("-m", *TINY, "optimizer.lr=0.1,0.01", "hydra.sweep.dir=named")
RUN = (*TINY, "hydra.run.dir=named")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        *((RUN, name) for name in (".lock", "train.log", "run.json", "changes.patch", ".hydra/config.yaml")),
        *((GRID, name) for name in (".lock", "plan/job.yaml", "optimizer.lr=0.1/train.log")),
        *((SEARCH, name) for name in (".lock", "study.journal")),
    ],
)
def test_folders_asked_for_by_name(command: Command, victim: Path, words: tuple[str, ...], name: str) -> None:
    link(Path("named", name), victim)
    before = sorted(Path("named").rglob("*"))
    said = command(*words, code=2)
    assert said.line.startswith("sweepboard: named")
    assert "symbolic link: remove it" in said.line or "something else" in said.line
    assert victim.read_text() == PRECIOUS
    assert sorted(Path("named").rglob("*")) == before


@pytest.mark.parametrize("name", ["dangling", "folder"])
@pytest.mark.parametrize("inside", [True, False])
def test_links_to_nothing_and_to_folders(command: Command, tmp_path: Path, name: str, inside: bool) -> None:
    target = tmp_path / "elsewhere"
    if name == "folder":
        target.mkdir()
    link(Path("outputs/sweeps/s/checkpoints" if inside else "outputs/sweeps/s"), target)
    command("-m", *TINY, "optimizer.lr=0.1,0.01", "sweep.name=s", code=2)
    command(*TINY, "hydra.run.dir=outputs/sweeps/s", code=2)
    assert not target.exists() or not list(target.iterdir())


@pytest.mark.parametrize("name", [".lock", "plan/x.yaml", "sweep.json", "optimizer.lr=0.1/train.log"])
@pytest.mark.slow
def test_a_sweep_taken_up_again(command: Command, victim: Path, name: str) -> None:
    command("-m", *TINY, "optimizer.lr=0.1,0.01", "sweep.name=s")
    planted = Path("outputs/sweeps/s", name)
    text = planted.read_text() if planted.exists() else ""
    victim.write_text(text or PRECIOUS)
    planted.unlink(missing_ok=True)
    link(planted, victim)
    command("resume", "outputs/sweeps/s", code=2)
    assert victim.read_text() == (text or PRECIOUS)


@pytest.mark.parametrize("name", [".lock", "study.journal", "search.yaml", "sweep.json"])
@pytest.mark.slow
def test_a_search_taken_up_again(command: Command, victim: Path, name: str) -> None:
    command(*SEARCH, "hydra.sweeper.trials=1")
    planted = Path("named", name)
    text = planted.read_text() if planted.exists() else PRECIOUS
    victim.write_text(text + PRECIOUS if name == ".lock" else text)
    before = victim.read_bytes()
    planted.unlink(missing_ok=True)
    link(planted, victim)
    command("resume", "named", "hydra.sweeper.trials=2", code=2)
    assert victim.read_bytes() == before


@pytest.mark.parametrize("name", [".lock", "events.out.tfevents.9", "checkpoints/last.pt.old"])
def test_a_run_taken_up_again_or_tested(command: Command, victim: Path, name: str) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    (run / name).unlink(missing_ok=True)
    link(run / name, victim)
    command("resume", str(run), "trainer.epochs=3", code=2)
    command("test", str(run), code=2)
    assert victim.read_text() == PRECIOUS


@pytest.mark.parametrize("name", ["a b", "größe=1", 'it\'s "$HOME"', "link"])
def test_a_working_directory_of_any_name(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = tmp_path / name
    (tmp_path / "target").mkdir()
    place.symlink_to(tmp_path / "target") if name == "link" else place.mkdir()
    monkeypatch.chdir(place)
    command(*TINY, "hydra.run.dir=run")
    command("-m", *TINY, "optimizer.lr=0.1,0.01", "sweep.name=s", "hydra/launcher=basic")
    command("resume", "run", "trainer.epochs=3")
    assert "identical" in command("verify", "run").out
    assert len(command("compare", "outputs", "--json").json) == 2


def test_a_disk_of_the_users_own_choice(command: Command, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    Path("outputs").symlink_to(tmp_path / "scratch")
    command(*TINY)
    command("resume", str(only_run(tmp_path / "scratch")))


@pytest.mark.parametrize("plant", [lambda lock, file: os.link(file, lock), lambda lock, _: os.mkfifo(lock)])
def test_a_lock_that_is_no_file_of_the_folder_alone(
    tmp_path: Path, victim: Path, plant: Callable[[Path, Path], None]
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    plant(folder.lock, victim)
    for hold in (only_writer(folder), claimed(folder.path)):
        with pytest.raises(LinkInFolder, match="remove it"), hold:
            pass
    assert victim.read_text() == PRECIOUS


def test_the_lock_of_a_folder_of_data(tmp_path: Path, victim: Path) -> None:
    link(tmp_path / "data" / ".lock", victim)
    with pytest.raises(OSError, match="symbolic"), alone_in(tmp_path / "data"):
        pass
    assert victim.read_text() == PRECIOUS
