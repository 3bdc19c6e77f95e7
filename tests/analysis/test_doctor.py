"""`sweepboard doctor`: each planted fault is found and named alone, and clean folders are clean."""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from torch.utils.tensorboard import SummaryWriter

from sweepboard.board.event_names import event_files
from sweepboard.board.event_writer import START_SUFFIX, EventWriter, write_event_file
from sweepboard.board.hparams import start_info
from sweepboard.cli import main
from sweepboard.process_identity import ProcessIdentity
from tests.command import change_record
from tests.conftest import WriteRun

Doctor = Callable[[], list[dict[str, str]]]


@pytest.fixture
def log(tmp_path: Path, write_run: WriteRun) -> Path:
    """Two clean runs of ours."""
    write_run(tmp_path / "a", {"optimizer.lr": 0.1})
    write_run(tmp_path / "b", {"optimizer.lr": 0.2})
    return tmp_path


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    def examine() -> list[dict[str, str]]:
        code = main(["doctor", str(tmp_path), "--json"])
        faults: list[dict[str, str]] = json.loads(capsys.readouterr().out)
        assert code == (1 if faults else 0)
        return faults

    return examine


def write_points(folder: Path, points: Sequence[tuple[int, float]], start: float | None = None) -> Path:
    """A new event file with one curve, its points a second apart from `start` on."""
    folder.mkdir(exist_ok=True)
    before = set(folder.iterdir())
    writer = EventWriter(folder)
    for place, (step, value) in enumerate(points):
        event = _event(step, value, (start if start is not None else time.time()) + place)
        writer.add_event(event)
    writer.close()
    return next(iter(set(folder.iterdir()) - before))


def _event(step: int, value: float, wall_time: float) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    summary = Summary(value=[Summary.Value(tag="train/loss", simple_value=value)])
    return Event(step=step, wall_time=wall_time, summary=summary)


CURVE = [(step, 1.0) for step in range(10)]


def test_runs_of_ours_are_clean(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(log)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "2 runs, nothing wrong\n"


def test_a_summary_writer_with_add_hparams_is_clean(tmp_path: Path, doctor: Doctor) -> None:
    for name in ("a", "b"):
        with SummaryWriter(tmp_path / name) as writer:
            for step in range(5):
                writer.add_scalar("loss", 1.0, step)
            writer.add_hparams({"lr": 0.1, "name": name}, {"hparam/loss": 1.0})
    assert doctor() == []


@pytest.fixture
def quiet_lightning() -> Iterator[Any]:
    lightning = pytest.importorskip("lightning", reason="the test extra has Lightning; it is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield lightning


@pytest.mark.slow
def test_lightning_is_clean(tmp_path: Path, doctor: Doctor, quiet_lightning: Any) -> None:
    import torch
    from lightning.pytorch.loggers import TensorBoardLogger

    class Model(quiet_lightning.LightningModule):  # type: ignore[misc]
        def __init__(self, lr: float) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            self.log("train_loss", loss := self.layer(batch[0]).pow(2).mean())
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", self.layer(batch[0]).pow(2).mean())

        def test_step(self, batch: Any, index: int) -> None:
            self.log("test_loss", self.layer(batch[0]).pow(2).mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), self.hparams.lr)

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(8, 2)), batch_size=2)
    for lr in (0.1, 0.2):
        trainer = quiet_lightning.Trainer(
            max_epochs=2, logger=TensorBoardLogger(tmp_path), log_every_n_steps=1, accelerator="cpu",
            enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        )  # fmt: skip
        model = Model(lr)
        trainer.fit(model, data, data)
        trainer.test(model, data, verbose=False)
    assert doctor() == []


def plant_two_writers(log: Path) -> None:
    write_points(log / "c", CURVE, start=1000.0)
    write_points(log / "c", CURVE, start=1005.0)


def plant_steps_back(log: Path) -> None:
    write_points(log / "c", [*CURVE, *CURVE])


def plant_resume(log: Path) -> None:
    write_points(log / "c", CURVE, start=1000.0)
    write_event_file(log / "c", START_SUFFIX, [])  # without points: it lies between the two
    write_points(log / "c", [(step, 2.0) for step in range(5, 15)], start=2000.0)


def plant_no_steps(log: Path) -> None:
    write_points(log / "c", [(0, 1.0), (0, 2.0), (0, 3.0)])


def plant_torn_file(log: Path) -> None:
    path = write_points(log / "c", CURVE)
    path.write_bytes(path.read_bytes()[:-3])


def plant_flipped_byte(log: Path) -> None:
    path = write_points(log / "c", CURVE)
    data = bytearray(path.read_bytes())
    data[-6] ^= 0xFF
    path.write_bytes(data)


def plant_empty_file(log: Path) -> None:
    (log / "c").mkdir()
    (log / "c" / "events.out.tfevents.1.host.1.0").touch()


def plant_start_without_end(log: Path) -> None:
    (log / "c").mkdir()
    write_event_file(log / "c", "", [start_info({"lr": 0.1}, "")])


def plant_killed_run(log: Path) -> None:
    change_record(log / "b", status="running", **{**vars(ProcessIdentity.current()), "pid": 2**22 + 1})


def plant_damaged_record(log: Path) -> None:
    (log / "b" / "run.json").write_text("{")


def plant_folder_link(log: Path) -> None:
    (log / "latest").symlink_to("b", target_is_directory=True)


def plant_file_link(log: Path) -> None:
    (log / "c").mkdir()
    original = event_files(log / "b")[1]  # the one with curves
    (log / "c" / original.name).symlink_to(original)


def plant_backup(log: Path) -> None:
    shutil.copytree(
        log / "b", log / "b-backup", ignore=shutil.ignore_patterns("run.json", "*.start", "*.hpend")
    )


def plant_backup_in_place(log: Path) -> None:
    path = write_points(log / "c", CURVE)
    shutil.copy(path, path.with_name(f"{path.name}.bak"))


def plant_experiment(log: Path) -> None:
    with SummaryWriter(log / "c") as writer:
        writer.add_hparams({"width": 3}, {"score": 1.0})


def plant_experiments(log: Path) -> None:
    for run in "ab":
        shutil.rmtree(log / run)
    for name, value in (("width", 3), ("depth", 4)):
        with SummaryWriter(log / f"c-{name}") as writer:
            writer.add_hparams({name: value}, {"score": 1.0})


def plant_mixed_types(log: Path) -> None:
    with SummaryWriter(log / "one") as writer:
        writer.add_hparams({"drop": 0.1}, {"score": 1.0})
    with SummaryWriter(log / "two") as writer:
        writer.add_hparams({"drop": "None"}, {"score": 1.0})
    for run in "ab":
        shutil.rmtree(log / run)


def plant_nan_hparam(log: Path) -> None:
    for run in "ab":
        shutil.rmtree(log / run)
    with SummaryWriter(log / "one") as writer:
        writer.add_hparams({"drop": float("nan")}, {"score": 1.0})


@pytest.mark.parametrize(
    ("plant", "kind", "where", "said"),
    [
        (plant_two_writers, "two-writers", "c", "were written at the same time"),
        (plant_steps_back, "steps-go-back", "c", "go back from 9 to 0"),
        (plant_resume, "duplicate-steps", "c", "steps 5 to 9 of train/loss"),
        (plant_no_steps, "no-steps", "c", "all 3 points of train/loss"),
        (plant_torn_file, "torn-file", "c/events", "its last record is not complete"),
        (plant_flipped_byte, "damaged-file", "c/events", "does not fit its checksum"),
        (plant_empty_file, "empty-file", "c/events", "holds nothing"),
        (plant_start_without_end, "no-end", "c", "never that it ended"),
        (plant_killed_run, "no-end", "b", "its process is gone"),
        (plant_damaged_record, "damaged-record", "b", "run.json cannot be read"),
        (plant_folder_link, "link-twin", "latest", "leads by a link to b"),
        (plant_file_link, "link-twin", "c/events", "leads by a link to b/events"),
        (plant_backup, "copy", "b-backup", "a copy of what is in b;"),
        (plant_backup_in_place, "copy", "c", "a copy of what is in another file there"),
        (plant_experiment, "hidden-columns", "c/", "hides"),
        (plant_experiments, "hidden-columns", "c-depth/", "hides width of c-width/"),
        (plant_mixed_types, "mixed-types", "drop", "is a number in one/"),
        (plant_nan_hparam, "bad-hparam", "one/", "the hparam drop is nan"),
    ],
    ids=lambda value: value.__name__.removeprefix("plant_") if callable(value) else "",
)
def test_each_fault_is_found_and_no_other(
    log: Path, doctor: Doctor, plant: Callable[[Path], None], kind: str, where: str, said: str
) -> None:
    plant(log)
    faults = doctor()
    assert [fault["kind"] for fault in faults] == [kind]
    assert faults[0]["where"].startswith(where)
    assert said in faults[0]["what"]
    assert faults[0]["remedy"]
    assert "\n" not in "".join(faults[0].values())


def test_the_remedy_for_a_torn_file_mends_it(log: Path, doctor: Doctor) -> None:
    plant_torn_file(log)
    size = int(doctor()[0]["remedy"].rpartition(" ")[2])
    path = event_files(log / "c")[0]
    path.write_bytes(path.read_bytes()[:size])
    assert doctor() == []


def test_a_run_at_work_is_not_torn_and_needs_no_end(
    tmp_path: Path, write_run: WriteRun, doctor: Doctor
) -> None:
    at_work = {"status": "running", **vars(ProcessIdentity.current())}
    run = write_run(tmp_path / "a", record=at_work)
    with event_files(run)[-1].open("ab") as file:
        file.write(b"half")
    assert doctor() == []


def test_a_test_logged_again_is_no_fault(log: Path, doctor: Doctor) -> None:
    for start in (1000.0, 2000.0):
        write_points(log / "c", [(500, 0.9)], start)
    assert doctor() == []


def test_a_link_that_leads_in_a_circle_ends(log: Path, doctor: Doctor) -> None:
    (log / "a" / "up").symlink_to(log, target_is_directory=True)
    assert doctor() == []


def test_people_read_the_fault_and_its_remedy(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant_folder_link(log)
    assert main(["doctor", str(log)]) == 1
    said = capsys.readouterr()
    assert said.out == (
        "link-twin: latest: leads by a link to b: TensorBoard shows that run twice\n"
        "    remedy: remove the link, or keep it outside the log directory\n"
    )
    assert said.err == "2 runs, 1 fault\n"


def test_a_folder_without_event_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tmp_path)]) == 2
    assert "no event files here" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["doctor", "compare", "check"])
@pytest.mark.parametrize("depth", [1, 30, 90])
def test_odd_folders_are_read_or_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str, depth: int
) -> None:
    with SummaryWriter(tmp_path / "a") as writer:
        for step in range(3):
            writer.add_scalar("loss", step, step)
    for name in (".hidden", "a copy", "new\nline", os.fsdecode(b"bad\xff")):
        shutil.copytree(tmp_path / "a", tmp_path / name)
    for name, target in (("dangling", "nowhere"), ("loop", "."), ("self", "self"), ("up", "..")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "odd" / "events.out.tfevents.folder").mkdir(parents=True)
    (tmp_path / "odd" / "events.out.tfevents.link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "odd" / "events.out.tfevents.fifo")
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):  # 90 of them are longer than a path may be
        Path("d" * 60).mkdir()
        os.chdir("d" * 60)
    Path("events.out.tfevents.1").write_bytes(b"")
    assert main([verb, str(tmp_path)]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
    while Path.cwd() != tmp_path and depth:  # too deep for those who clean up by whole paths
        os.chdir("..")
        shutil.rmtree("d" * 60)
        depth -= 1
