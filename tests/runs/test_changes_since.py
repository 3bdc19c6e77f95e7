"""A run is gone on with only with the data, the code and the checkpoint that are its own, or it is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import sweepboard
from sweepboard.board.scalar_reader import read_scalars
from tests.command import Command, change_record, record_of
from tests.runs.process import curves
from tests.runs.sabotage import ACCIDENTS, SABOTAGED
from tests.runs.test_resume import files

RUN, DATA = Path("run"), Path("photos")
SHORT = ["model=linear", "threads=1", "trainer.epochs=1", "logging=minimal"]
PHOTOS = [*SHORT, "dataset=image_folder", "dataset.root=photos", "dataset.image_size=8", "dataset.workers=0",
          "dataset.test_fraction=0"]  # fmt: skip
NUMBERS = [*SHORT, "dataset=gaussian", "trainer.limit_train_batches=3", "trainer.limit_val_batches=1"]
IN = "hydra.run.dir=run"
CODE = """
import importlib
from torch import nn
from helper import scaled
class Net(nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        importlib.import_module("named")
        __import__("parts.inner")
        self.layer = nn.Linear(features, outputs)
    def forward(self, x):
        import late
        return scaled(self.layer(x.flatten(1)))
"""
PACKAGE = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
from sweepboard.tasks import Classification
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.LazyLinear(10))
class Mine(Classification):
    pass
def numbers():
    return TensorDataset(torch.arange(80.0).view(40, 2), torch.arange(40) % 2)
"""
OWN = [*NUMBERS[1:], "model={_target_: mine.Net, features: '${facts.features}', outputs: '${facts.outputs}'}"]


@pytest.fixture
def photos(command: Command) -> Path:
    for number, name in enumerate(("cats", "dogs")):
        for index in range(20):
            path = DATA / name / f"{index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (100 * number, 5 * index, 0)).save(path)
    return DATA


def kept(folder: Path) -> dict[Path, bytes]:
    """The content of a folder, but for who held it last."""
    return {path: content for path, content in files(folder).items() if path.name != ".lock"}


def replaced(path: Path) -> None:
    image = Image.effect_noise((40, 40), 90).convert("RGB")
    image.save(path)


def swapped() -> None:
    (DATA / "cats").rename("between")
    (DATA / "dogs").rename(DATA / "cats")
    Path("between").rename(DATA / "dogs")


CHANGES: dict[str, tuple[Callable[[], object], str]] = {
    "an image is gone": (lambda: (DATA / "cats/01.png").unlink(), "train samples: 40 -> 39"),
    "an image came": (lambda: replaced(DATA / "cats/99.png"), "train samples: 40 -> 41"),
    "an image is another": (lambda: replaced(DATA / "cats/01.png"), "data: "),
    "a class has another name": (lambda: (DATA / "cats").rename(DATA / "zcats"), "classes: cats -> zcats: "),
    "the order is another": (lambda: (DATA / "dogs").rename(DATA / "ants"), "classes: dogs -> ants: "),
    "it is in its old place": (lambda: (DATA / "dogs").rename(DATA / "ducks"), "classes: dogs -> ducks: "),
    "an image has another name": (lambda: (DATA / "dogs/03.png").rename(DATA / "dogs/77.png"), "data: "),
}  # fmt: skip


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES.keys())
def test_other_data_are_refused_before_anything_is_written(
    change: Callable[[], object], told: str, command: Command, photos: Path
) -> None:
    command(*PHOTOS, IN)
    before = kept(RUN)
    change()
    line = command("resume", "run", "trainer.epochs=2", code=2).line
    assert line.startswith(f"sweepboard: run: {told}")
    assert "--accept-changes" in line
    assert kept(RUN) == before


def test_accepted_data_are_written_beside_the_first(command: Command, photos: Path) -> None:
    command(*PHOTOS, IN)
    first = record_of(RUN)
    (photos / "cats/01.png").unlink()
    assert "goes on with changes: train samples: 40 -> 39" in (
        command("resume", "run", "trainer.epochs=2", "--accept-changes").err + (RUN / "train.log").read_text()
    )
    now = record_of(RUN)
    assert (now["data_fingerprint"], now["samples"]) == (first["data_fingerprint"], first["samples"])
    (accepted,) = now["changed"]
    assert accepted["differences"] == ["train samples: 40 -> 39"]
    assert accepted["data_fingerprint"] != first["data_fingerprint"]
    command("resume", "run", "trainer.epochs=3")  # with what was accepted
    shutil.copy(photos / "cats/02.png", photos / "cats/01.png")
    assert "train samples: 39 -> 40" in command("resume", "run", "trainer.epochs=4", code=2).line
    shutil.copytree("run", "copy")
    change_record(Path("copy"), changed=[])
    difference = {
        "key": "resumed.1",
        "first": "(none)",
        "second": f"train samples: 40 -> 39, from step {first['step']}",
    }
    assert difference in command("diff", "copy", "run", "--json").json
    said = command("rerun", "run").out
    assert "differs: the run itself: as it began -> train samples: 40 -> 39, from step " in said
    assert "other numbers are to be expected" in said


def test_the_same_data_elsewhere_are_no_change_and_others_are(command: Command, photos: Path) -> None:
    command(*PHOTOS, IN)
    shutil.copytree(photos, "elsewhere")
    command("resume", "run", "trainer.epochs=2", "dataset.root=elsewhere")

    def refused() -> str:
        return command("resume", "run", "trainer.epochs=3", "dataset.root=elsewhere", code=2).line

    replaced(Path("elsewhere/dogs/05.png"))
    assert "data: " in refused()
    replaced(Path("elsewhere/dogs/99.png"))
    assert "train samples: 40 -> 41" in refused()
    Path("elsewhere/dogs").rename("elsewhere/wolves")
    assert "classes: dogs -> wolves" in refused()
    command("resume", "run", "trainer.epochs=3", "dataset.root=photos")


def test_another_number_of_classes_is_nobodys_to_accept(command: Command, photos: Path) -> None:
    command(*PHOTOS, IN)
    shutil.copytree(photos / "cats", photos / "birds")
    for words in ([], ["--accept-changes"]):
        line = command("resume", "run", "trainer.epochs=2", *words, code=2).line
        assert "classes: 2 -> 3 (birds added): its model does not fit these data" in line
    shutil.copytree(photos / "cats", photos / "ants")
    assert "classes: 2 -> 4 (ants, birds added)" in command("resume", "run", "trainer.epochs=2", code=2).line
    command(*PHOTOS, "hydra.run.dir=four")
    shutil.rmtree(photos / "birds")
    assert "classes: 4 -> 3 (birds removed)" in command("resume", "four", "trainer.epochs=2", code=2).line
    shutil.rmtree(photos / "ants")
    swapped()
    assert "data: " in command("resume", "run", "trainer.epochs=2", code=2).line


def write_code(scale: str = "1") -> None:
    Path("mine.py").write_text(CODE)
    Path("helper.py").write_text(f"def scaled(x):\n    return x * {scale}\n")
    Path("late.py").write_text("")
    Path("named.py").write_text("")
    Path("parts").mkdir(exist_ok=True)
    Path("parts/__init__.py").write_text("")
    Path("parts/inner.py").write_text(
        "from importlib import import_module as load, import_module\n"
        "import_module('.beside', __package__)\nimport_module(f'{__name__}')\n"
    )
    Path("parts/beside.py").write_text("")


@pytest.mark.parametrize("module", ["mine", "helper", "late", "named", "parts.beside"])
def test_other_code_is_refused_and_named(module: str, command: Command) -> None:
    """Outside of git; a module that another one imports, too, and within a function."""
    write_code()
    command(*OWN, IN)
    sources = json.loads((RUN / "environment.json").read_text())["sources"]
    assert list(sources) == ["helper", "late", "mine", "named", "parts", "parts.beside", "parts.inner"]
    Path("notes.txt").write_text("no code")
    Path("unused.py").write_text("no = 'part of it'")
    command("resume", "run", "trainer.epochs=2")
    with Path(f"{module.replace('.', '/')}.py").open("a") as file:
        file.write("# other\n")
    first = (RUN / "environment.json").read_bytes()
    line = command("resume", "run", "trainer.epochs=3", code=2).line
    assert line.startswith(f"sweepboard: run: {module} (code): {sources[module]} -> ")
    assert f"sources.{module}" in command("rerun", "run").out
    assert f"differs: sources.{module}: " in command("verify", "run").out
    command("resume", "run", "trainer.epochs=3", "--accept-changes")
    assert (RUN / "environment.json").read_bytes() == first
    assert json.loads((RUN / "environment.3.json").read_text())["sources"][module] != sources[module]
    command("resume", "run", "trainer.epochs=4")


def test_in_git_only_the_files_that_a_run_imports_are_its_code(command: Command) -> None:
    write_code()
    Path("README.md").write_text("mine")
    for words in (
        ["init"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "mine"],
    ):
        subprocess.run(["git", *words], check=True, capture_output=True)
    command(*OWN, IN)
    Path("notes.md").write_text("no code")
    Path("scratch.py").write_text("no = 'part of it'")
    Path("README.md").write_text("mine, and more")
    command("resume", "run", "trainer.epochs=2")
    with Path("helper.py").open("a") as file:
        file.write("# other\n")
    assert "run: helper (code): " in command("resume", "run", "trainer.epochs=3", code=2).line


def test_a_checkpoint_of_another_run_of_the_same_shape_is_refused(command: Command) -> None:
    command(*NUMBERS, "seed=5", "hydra.run.dir=other")
    command(*NUMBERS, IN)
    for name in ("last.pt", "last.previous.pt", "best.pt"):
        shutil.copy(Path("other/checkpoints") / name, RUN / "checkpoints" / name)
    before = kept(RUN)
    for argv in (
        ["resume", "run", "trainer.epochs=2"],
        ["resume", "run", "trainer.epochs=2", "--accept-changes"],
        ["test", "run"],
        ["test", "run", "--checkpoint", "last"],
        ["export", "run"],
    ):
        assert "is of another run" in command(*argv, code=2).line
    with pytest.raises(sweepboard.errors.UserError, match="of another run"):
        sweepboard.load_model("run")
    assert kept(RUN) == before


@pytest.mark.parametrize("words", [[], ["optimizer.lr=0.01"], ["model=mlp", "trainer.epochs=2"]])
def test_a_checkpoint_of_another_launch_is_not_taken_for_a_lost_one(
    command: Command, words: list[str]
) -> None:
    command(*NUMBERS, *words, "hydra.run.dir=other")
    command(*NUMBERS, IN)
    (RUN / "checkpoints/last.pt").write_bytes(b"cut")
    shutil.copy("other/checkpoints/last.pt", RUN / "checkpoints/last.previous.pt")
    before = kept(RUN)
    assert command("resume", "run", "trainer.epochs=2", code=2).line.startswith("sweepboard: ")
    assert kept(RUN) == before


def test_a_copy_of_the_whole_folder_goes_on(command: Command) -> None:
    command(*NUMBERS, IN)
    shutil.copytree("run", "copy")
    command("resume", "copy", "trainer.epochs=2")
    command("resume", "run", "trainer.epochs=2")
    assert curves(Path("copy")) == curves(RUN)


def test_event_files_of_somebody_else_are_not_cut(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    from torch.utils.tensorboard import SummaryWriter

    command(*NUMBERS, IN)
    with SummaryWriter("run") as writer:
        writer.add_scalar("mine", 2.0, 1)
    command("resume", "run", "trainer.epochs=2")
    assert "will be there twice" not in caplog.text
    with SummaryWriter("run") as writer:
        writer.add_scalar("mine", 3.0, record_of(RUN)["step"] + 1)
    command("resume", "run", "trainer.epochs=3")
    assert read_scalars(RUN)["mine"].values.tolist() == [2.0, 3.0]
    told = [record.getMessage() for record in caplog.records if "will be there twice" in record.getMessage()]
    assert len(told) == 1


def test_data_that_changed_after_a_kill_are_noticed(command: Command, photos: Path) -> None:
    class Gone(BaseException):
        pass

    def gone() -> None:
        raise Gone

    ACCIDENTS[3] = gone
    words = ["trainer.epochs=3", "trainer.checkpoint.every_steps=1", "dataset.batch_size=16"]
    with pytest.raises(Gone):
        command(*PHOTOS, *words, *SABOTAGED, IN)
    ACCIDENTS.clear()
    (photos / "dogs/00.png").unlink()
    assert "train samples: 40 -> 39" in command("resume", "run", code=2).line


@pytest.mark.slow
def test_interrupted_jobs_of_a_sweep_are_not_gone_on_with_on_other_data(
    command: Command, photos: Path
) -> None:
    command("-m", *PHOTOS, "seed=0,1", "hydra.sweep.dir=sweep")
    change_record(Path("sweep/seed=1"), status="interrupted")
    before = kept(Path("sweep"))
    (photos / "cats/01.png").unlink()
    assert "in seed=1: sweep/seed=1: train samples: 40 -> 39" in command("resume", "sweep", code=2).line
    assert kept(Path("sweep")) == before
    shutil.copy(photos / "cats/02.png", photos / "cats/01.png")
    replaced(photos / "cats/02.png")
    assert "data: " in command("resume", "sweep", code=1).out
    assert record_of(Path("sweep/seed=1"))["status"] == "interrupted"
    command("resume", "sweep", "--accept-changes")
    assert record_of(Path("sweep/seed=1"))["changed"]
    assert not record_of(Path("sweep/seed=0"))["changed"]


def test_what_is_not_found_from_here_is_sought_where_the_run_was_started(
    command: Command, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_code()
    command(*OWN, IN)
    command(*PHOTOS, "hydra.run.dir=pictures")
    here = Path.cwd()
    Path("away").mkdir()
    monkeypatch.chdir("away")
    monkeypatch.setattr("sys.path", [each for each in sys.path if each not in ("", str(here))])
    for name in ("mine", "helper", "late"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    hint = f"the run was started in {here}: try it from there"
    for verb in ("export", "test", "verify", "resume"):
        line = command(verb, "../run", code=2).line
        assert "there is no module mine here or among the installed packages" in line
        assert line.endswith(hint)
    with pytest.raises(sweepboard.errors.UserError, match="started in"):
        sweepboard.load_model("../run")
    for words in (["rerun"], ["test"], ["verify"], ["resume", "trainer.epochs=2"]):
        assert command(words[0], "../pictures", *words[1:], code=2).line.endswith(hint), words


@pytest.mark.parametrize(
    "words",
    [
        ["model={_target_: pack.nets.Net}"],
        ["model=linear", "task._target_=pack.nets.Mine", "~task.label_smoothing"],
        ["model=linear", "dataset={_target_: pack.nets.numbers, classes: 2, test: null}"],
    ],
)
def test_parts_of_a_package_are_sought_where_the_run_was_started(
    command: Command, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("pack").mkdir()
    Path("pack/__init__.py").touch()
    Path("pack/nets.py").write_text(PACKAGE)
    given = [word for word in NUMBERS if not word.startswith(words[-1].partition("=")[0] + "=")]
    command(*given, *words, IN)
    here = Path.cwd()
    Path("away").mkdir()
    monkeypatch.chdir("away")
    monkeypatch.setattr("sys.path", [each for each in sys.path if each not in ("", str(here))])
    for name in ("pack", "pack.nets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for verb in ("rerun", "resume", "verify"):
        line = command(verb, "../run", code=2).line
        assert "there is no module pack here or among the installed packages" in line
        assert line.endswith(f"the run was started in {here}: try it from there")


def test_a_finished_run_without_checkpoints_is_sent_in_no_circle(command: Command) -> None:
    command(*NUMBERS, IN)
    shutil.rmtree(RUN / "checkpoints")
    for argv in (["resume", "run", "trainer.epochs=2"], ["export", "run"], ["test", "run"]):
        line = command(*argv, code=2).line
        assert "`sweepboard rerun run` to train it anew" in line
        assert "resume" not in line


def test_a_run_of_which_only_the_best_weights_are_left(command: Command) -> None:
    """They can be tested, exported and loaded, and are not replaced by those of a run started anew."""
    command(*NUMBERS, "trainer.epochs=2", IN)
    for path in (RUN / "checkpoints").glob("last*"):
        path.unlink()
    best = (RUN / "checkpoints/best.pt").read_bytes()
    for status, words in {"finished": ["trainer.epochs=3"], "interrupted": [], "running": []}.items():
        change_record(RUN, status=status, pid=0, step=6)
        line = command("resume", "run", *words, code=2).line
        assert "run: checkpoints/last.pt is gone, and best.pt (step " in line
        assert "`sweepboard rerun run`" in line
        assert (RUN / "checkpoints/best.pt").read_bytes() == best
    command("export", "run")
    sweepboard.load_model("run")
    assert "add --checkpoint best" in command("export", "run", "--checkpoint", "last", code=2).line


def test_a_kill_between_the_first_best_and_the_first_last_weights_costs_nothing(command: Command) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweepboard.training.checkpoint.Checkpoints._replace_last", lambda *_: None)
        command(*NUMBERS, IN)
    step = record_of(RUN)["best_steps"]["accuracy"]
    change_record(RUN, status="running", pid=0, step=step)
    command("resume", "run")
    assert record_of(RUN)["status"] == "finished"


def test_the_summary_says_of_which_weights_a_value_is(command: Command) -> None:
    said = command(*NUMBERS, "optimizer=sgd", "optimizer.lr=3", "trainer.epochs=5", IN).out
    steps = record_of(RUN)["best_steps"]
    assert set(steps) == set(record_of(RUN)["best"])
    for metric, step in steps.items():
        assert (f"val_best/{metric} (step {step})" in said) == (step != 15)
