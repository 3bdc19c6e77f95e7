"""What a training function may be and do: its arguments, its ends, its own event files, its mistakes."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.scalar_reader import read_scalars
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord
from tests.command import Command, Said, change_record, only_run, record_of

FOLDER = "hydra.run.dir=run"


@pytest.fixture
def program(tmp_path: Path, command: Command) -> Command:
    """`program(function, *words)`: run a function without any YAML; `function` is the body of `mine.py`."""

    def run(code: str, *words: str, exit_code: int = 0) -> Said:
        (tmp_path / "work" / "mine.py").write_text(code)
        return command("program._target_=mine.train", FOLDER, *words, code=exit_code)

    return run


@pytest.mark.parametrize("arguments", ["", "cfg", "run", "cfg, run", "cfg, run=None, other=3"])
def test_it_takes_cfg_and_run_or_less(arguments: str, program: Command) -> None:
    uses = "run.log({'val/accuracy': 0.5}, 3)" if "run" in arguments else "pass"
    uses += "; assert list(cfg) == ['output_root', 'threads', 'lr']" if "cfg" in arguments else ""
    program(f"def train({arguments}): {uses}", "+lr=0.1")
    record = record_of(Path("run"))
    assert record["status"] == "finished"
    assert record["best"] == ({"accuracy": 0.5} if "run" in arguments else {})


def test_a_function_of_other_arguments_is_told(program: Command) -> None:
    said = program("def train(cfg, model, data): pass", exit_code=2)
    assert said.line == (
        "sweepboard: program._target_: train(cfg, model, data) is no training function, which takes (cfg) or "
        "(cfg, run)"
    )
    assert not Path("run").exists()


MISTAKES = {
    "program._target_=nowhere.train": "program._target_: there is no module nowhere here",
    "program.mode=up": "program.mode=up: choose from min, max",
    "program.mode=max": "program.mode=max: is that of a metric: name it with program.primary_metric=TAG",
    "program.devise=cpu": "program.devise: there is no such key; did you mean program.device?",
    "+program.modes=min": "program.modes: there is no such setting; did you mean program.mode?",
    "lr=1": "lr: there is no such key; a new one is typed with a + before it",
    "threds=1": "threds: there is no such key; did you mean threads? a new one is typed with a + before it",
    "threads=0": "threads: must be 1 or more, got 0",
    "+lr=???": "lr: a value is needed; type lr=...",
    "program.file=gone.py": "program.file: there is no file gone.py here",
}


@pytest.mark.parametrize("word", MISTAKES)
def test_mistakes_are_one_line_before_any_folder(word: str, program: Command) -> None:
    said = program("def train(cfg): pass", word, exit_code=2)
    assert said.line.startswith(f"sweepboard: {MISTAKES[word]}")
    assert not Path("run").exists()


def test_a_module_that_cannot_be_imported_is_told_with_its_line(program: Command) -> None:
    said = program("def train(cfg): pass\n1 / 0", exit_code=2)
    assert "ZeroDivisionError: division by zero (mine.py, line 2)" in said.line


ENDS = {
    "raise ValueError('no')": (1, "failed", "ValueError: no"),
    "import sys; sys.exit(3)": (1, "failed", "the code called sys.exit(3)"),
    "import os, signal; os.kill(os.getpid(), signal.SIGTERM)": (143, "interrupted", "interrupted by SIGTERM"),
    "import os, signal\n    try: os.kill(os.getpid(), signal.SIGINT)\n    except KeyboardInterrupt: pass": (
        130, "interrupted", "interrupted by SIGINT",
    ),
}  # fmt: skip


LOGGED = {
    "[1, 2]": "float() argument must be a string or a real number, not 'list'",
    "torch.ones(3)": "only one element tensors can be converted to Python scalars",
    "None": "float() argument must be a string or a real number, not 'NoneType'",
}


@pytest.mark.parametrize("value", LOGGED)
def test_a_value_that_cannot_be_logged_is_told_with_its_tag(value: str, program: Command) -> None:
    said = program(
        f"import torch\ndef train(cfg, run): run.log({{'a': 1, 'val/b': {value}}}, 1)", exit_code=1
    )
    assert said.line == f"sweepboard: run.log: val/b: {LOGGED[value]}"
    assert record_of(Path("run"))["status"] == "failed"


@pytest.mark.parametrize("body", ENDS)
def test_a_function_that_never_looks_is_stopped_at_once(body: str, program: Command) -> None:
    code, status, reason = ENDS[body]
    program(f"def train(cfg):\n    {body}", exit_code=code)
    record = record_of(Path("run"))
    assert (record["status"], record["reason"]) == (status, reason)


def test_one_that_had_made_its_last_step_has_finished(program: Command) -> None:
    program("""
import os, signal
def train(cfg, run):
    assert not run.should_stop
    os.kill(os.getpid(), signal.SIGTERM)
""")
    assert record_of(Path("run"))["status"] == "finished"


def test_one_that_never_saved_starts_anew_and_says_so(program: Command, command: Command) -> None:
    program("""
import os, pathlib, signal
def train(cfg, run):
    for step in range(4):
        run.log({"loss": 4 - step}, step)
        if step == 2 and not pathlib.Path("again").exists():
            pathlib.Path("again").touch()
            os.kill(os.getpid(), signal.SIGTERM)
""", exit_code=143)  # fmt: skip
    assert "no checkpoint was saved yet: starting from the beginning" in command("resume", "run").err
    assert read_scalars(Path("run"))["loss"].steps.tolist() == [0, 1, 2, 3]
    record = record_of(Path("run"))
    assert (record["best"], record["primary_metric"]) == ({"/loss": 1.0}, "/loss")
    assert "loss 1" in command("ls", ".").out


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("{'model': torch.nn.Linear(1, 1)}", "state['model'] is a Linear"),
        ("{'a': [numpy.zeros(2)]}", "state['a'][0] is a ndarray"),
        ("7", "needs a mapping"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_again_is_refused_when_it_is_saved(
    state: str, told: str, program: Command
) -> None:
    program(f"import numpy, torch\ndef train(cfg, run): run.save({state}, 1)", exit_code=1)
    assert told in record_of(Path("run"))["reason"]


def test_states_of_every_plain_kind_come_back(program: Command, command: Command) -> None:
    program("""
import collections, numpy, torch
def train(cfg, run):
    kept = {"f": numpy.float64(0.5), "i": 3, "t": (1, "a", None)}
    kept["o"] = collections.OrderedDict(a=torch.ones(2))
    if run.resumed is None:
        run.save(kept, 4)
        assert not run.should_stop
        raise KeyboardInterrupt
    state = run.resumed
    assert (state["f"], type(state["f"]), state["i"], state["t"]) == (0.5, float, 3, (1, "a", None))
    assert state["o"]["a"].tolist() == [1, 1]
""", exit_code=130)  # fmt: skip
    command("resume", "run")
    assert record_of(Path("run"))["status"] == "finished"


WRITER = """
import os, pathlib, signal
import torch
from torch.utils.tensorboard import SummaryWriter

def train(cfg, run):
    writer = SummaryWriter({where})
    start = 0 if run.resumed is None else run.resumed["step"] + 1
    for step in range(start, 8):
        writer.add_scalar("Loss/val", 8 - step, step)
        if step == 2 and start == 0:
            run.save({{"step": step}}, step)
        if step == 5 and start == 0:
            writer.flush()
            os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("where", ["", "run.folder", "log_dir=str(run.folder)"])
def test_its_own_summary_writer_has_each_step_once(where: str, program: Command, command: Command) -> None:
    program(WRITER.format(where=where), exit_code=143)
    assert read_scalars(Path("run"))["Loss/val"].steps.tolist() == [0, 1, 2, 3, 4, 5]
    command("resume", "run")
    steps = read_scalars(Path("run"))["Loss/val"].steps.tolist()
    assert sorted(steps) == list(range(8))  # files of one process and second have no order
    record = record_of(Path("run"))
    assert record["metrics"] == {"Loss/val": 1.0}
    assert (record["best"], record["best_steps"]) == ({"Loss/val": 1.0}, {"Loss/val": 7})
    assert not Path("runs").exists()
    assert "Loss/val" in command("compare", ".").out


def test_someone_elses_program_runs_only_if_it_is_allowed(program: Command, command: Command) -> None:
    program("import pathlib\npathlib.Path('imported').touch()\ndef train(cfg, run): run.log({'loss': 1}, 0)")
    Path("imported").unlink()
    record = Path("run", "run.json")
    change_record(Path("run"), signature=None)
    for verb in ("rerun", "verify", "resume"):
        line = command(verb, "run", code=2).line
        assert "program._target_: mine.train is not built from a run folder that is not yours" in line
        assert not Path("imported").exists()
    assert record.is_file()
    said = command("verify", "run", "--allow", "mine").out
    assert "identical: 1 values of scalars; no weights were saved" in said


def test_someone_elses_script_is_read_only_where_its_reader_says(program: Command, command: Command) -> None:
    program("def train(cfg): pass", "program.file=mine.py")
    change_record(Path("run"), signature=None)
    line = command("rerun", "run", "--allow", "mine", code=2).line
    assert "program.file: mine.py is not read on the word of a run folder that is not yours" in line
    command("rerun", "run", "--allow", "mine", "program.file=mine.py")


@pytest.mark.slow
def test_the_run_of_a_sweep_that_fails_costs_only_itself(program: Command, command: Command) -> None:
    code = "def train(cfg, run):\n    run.log({'val/loss': cfg.lr}, 0)\n    assert cfg.lr < 1"
    program(code, "+lr=0.5")
    shutil.rmtree("run")
    said = command("program._target_=mine.train", "-m", "+lr=0.1,1", "sweep.name=s", code=1)
    assert "1 finished, 1 failed" in said.out
    (Path("mine.py")).write_text(code.replace("< 1", "< 9"))
    command("resume", "outputs/sweeps/s", "--failed", "--accept-changes")


@pytest.mark.parametrize("launcher", ["basic"])
def test_other_launchers(launcher: str, program: Command, command: Command) -> None:
    program("def train(cfg, run):\n    run.log({'val/loss': cfg.lr}, 0)", "+lr=1")
    shutil.rmtree("run")
    command("program._target_=mine.train", "-m", "+lr=0.1,1", f"hydra/launcher={launcher}", "sweep.name=s")
    assert record_of(Path("outputs/sweeps/s/lr=0.1"))["best"] == {"loss": 0.1}


def test_values_of_the_run_may_stand_anywhere_in_its_configuration(program: Command) -> None:
    program(
        """
from hydra.core.hydra_config import HydraConfig
def train(cfg, run):
    assert cfg.trainer.root == str(run.folder.absolute()) == HydraConfig.get().runtime.output_dir
""",
        "+trainer.root=${hydra:runtime.output_dir}",
    )
    assert only_run(Path()) == Path("run")


def test_pictures_and_texts_stand_beside_the_numbers(program: Command) -> None:
    program("""
from PIL import Image
from matplotlib.figure import Figure
def train(cfg, run):
    figure = Figure()
    figure.subplots().plot([1, 2])
    run.log({"val/loss": 1, "one": Image.new("RGB", (4, 4)), "two": figure, "words": "# hello"}, 3)
""")
    events = EventAccumulator("run").Reload()
    assert set(events.Tags()["images"]) == {"one", "two"}
    assert "words" in events.Tags()["tensors"]
    assert record_of(Path("run"))["metrics"] == {"val/loss": 1.0}


def test_scripts_in_other_folders_import_what_lies_beside_them(command: Command, tmp_path: Path) -> None:
    scripts = tmp_path / "work" / "scripts"
    scripts.mkdir()
    (scripts / "helper.py").write_text("RATE = 0.5")
    (scripts / "other.py").write_text("""
from helper import RATE
def train(cfg, run):
    run.log({"val/loss": RATE}, 0)
""")
    command("program._target_=other.train", "program.file=scripts/other.py", FOLDER)
    assert record_of(Path("run"))["best"] == {"loss": 0.5}
    command("rerun", "run")


def test_the_record_is_not_written_for_each_of_many_steps(
    program: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = RunRecord.write

    def counted(record: RunRecord, folder: RunFolder) -> None:
        written.append(record.step)
        write(record, folder)

    monkeypatch.setattr(RunRecord, "write", counted)
    monkeypatch.setattr("time.monotonic", lambda: 7.0)  # all in one second
    program("def train(cfg, run):\n    for step in range(200): run.log({'val/loss': step}, step)")
    assert len(written) < 10
    assert record_of(Path("run"))["step"] == 199


def test_hydras_console_shows_messages_of_others_only_also_after_the_run(program: Command) -> None:
    said = program("import logging\ndef train(): logging.getLogger('mine').info('of the function')")
    assert said.out.count("of the function") == 1
    (console,) = [handler for handler in logging.getLogger().handlers if handler.name == "console"]
    shown = [
        name
        for name in ("mine", "sweepboard", "sweepboard.runs")
        if console.filter(logging.makeLogRecord({"name": name}))
    ]
    assert shown == ["mine"]
