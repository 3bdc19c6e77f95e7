"""A rerun uses the values of then, follows what followed, and says what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.command import TINY, Command, change_record, only_run, record_of


def config_of(run: Path) -> dict[str, object]:
    content = yaml.safe_load((run / "config.yaml").read_text())
    assert isinstance(content, dict)
    return content


def newest(root: str = "outputs") -> Path:
    return max(Path(root).rglob("run.json"), key=lambda path: path.stat().st_mtime).parent


def test_verify_finds_a_run_identical_and_leaves_it_as_it_was(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    said = command("verify", str(run))
    assert "identical: " in said.out
    assert "and the final weights" in said.out
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert only_run(Path()) == run


def test_verify_works_on_a_read_only_run(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    for path in [run, *run.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert command("verify", str(run), "--json").json["holds"]
    assert "finished" in command("ls").out


def test_verify_names_the_first_difference(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("seed: 0", "seed: 1"))
    verdict = command("verify", str(run), "--json", code=1).json
    assert not verdict["same_weights"]
    assert verdict["first"]["step"] == 2
    assert verdict["first"]["then"] != verdict["first"]["now"]
    # A tolerance that covers the difference is enough, since it is said to be for other machines.
    assert command("verify", str(run), "--json", "--tolerance", "1000000").json["holds"]


def test_verify_refuses_a_run_that_did_not_finish(command: Command) -> None:
    command(*TINY, "optimizer=sgd", "optimizer.lr=1e38", code=1)
    run = only_run(Path("outputs"))
    assert "is failed, and only a finished run can be verified" in command("verify", str(run), code=2).line


def test_a_rerun_keeps_the_values_of_then_and_its_parent(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_LR", "0.02")
    literal = r"+task.label='${now:%S} \${x}'"
    Path("my_task.py").write_text(
        "from sweepboard.training.tasks import Classification\n"
        "class Labelled(Classification):\n"
        "    def __init__(self, label, lr_text):\n"
        "        super().__init__()\n"
        "        assert '${x}' in label and lr_text == '0.02', (label, lr_text)\n"
    )
    command(
        *TINY, "optimizer.lr='${oc.decode:${oc.env:MY_LR}}'", "task._target_=my_task.Labelled",
        "~task.label_smoothing", literal, "+task.lr_text=${oc.env:MY_LR}",
    )  # fmt: skip
    run = only_run(Path("outputs"))
    monkeypatch.setenv("MY_LR", "7")
    said = command("rerun", str(run), "seed=0")
    assert "the same numbers are expected, bit by bit" in said.out
    again = newest()
    assert config_of(again) == config_of(run)
    assert record_of(again)["weights_sha256"] == record_of(run)["weights_sha256"]
    assert record_of(again)["parent"] == str(run.resolve())


def test_a_rerun_announces_other_numbers_only_for_what_changes_them(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    said = command("rerun", str(run), "dataset.workers=2", "trainer.checkpoint.every_epochs=3")
    assert "differs: dataset.workers: 0 -> 2" in said.out
    assert "the same numbers are expected, bit by bit" in said.out
    assert record_of(newest())["weights_sha256"] == record_of(run)["weights_sha256"]


def test_a_rerun_lets_keys_follow_and_swaps_groups(command: Command) -> None:
    command(*TINY, "scheduler=onecycle", "dataset.batch_size=32")
    run = only_run(Path("outputs"))
    said = command("rerun", str(run), "optimizer.lr=0.5")
    assert "differs: optimizer.lr: 0.001 -> 0.5" in said.out
    assert "other numbers are to be expected" in said.out
    scheduler = config_of(newest())["scheduler"]
    assert isinstance(scheduler, dict)
    assert scheduler["max_lr"] == 0.5
    command("rerun", str(run), "dataset=gaussian", "model=mlp")
    config = config_of(newest())
    assert config["facts"]["input_shape"] == [32]  # type: ignore[index]
    assert config["dataset"]["batch_size"] == 32  # type: ignore[index]
    assert config["model"]["input_shape"] == [32]  # type: ignore[index]


def test_a_rerun_says_what_has_changed_since_before_it_starts(command: Command) -> None:
    pictures(Path("photos"), 0)
    words = ["dataset=image_folder", "dataset.root=photos", "dataset.image_size=8", "dataset.workers=0"]
    command(*TINY, *words, "dataset.batch_size=4", "hydra.run.dir=run")
    path = Path("run/environment.json")
    environment = json.loads(path.read_text())
    environment["packages"] |= {"torch": "1.0", "rich": "1.0", "gone": "3"}
    environment["hardware"] |= {"cpu": "an older one", "host": "elsewhere"}
    path.write_text(json.dumps(environment))
    pictures(Path("photos"), 255)
    said = command("rerun", "run", "threads=2").out.splitlines()
    start = next(index for index, line in enumerate(said) if line.startswith("run folder: "))
    assert said[0] == "differs: threads: 1 -> 2"
    found = {line.split(": ")[1] for line in said[:start] if line.startswith("differs: ")}
    assert found == {"threads", "packages.torch", "packages.rich", "packages.gone", "hardware.cpu"}
    assert said[start - 1] == (
        "other numbers are to be expected, because of threads, packages.torch, hardware.cpu"
    )
    model, data, read, epoch = said[start + 1 : start + 5]
    assert model.startswith("model linear (")
    assert data == "data image_folder: 11 train, 1 val"
    assert read.startswith("differs: data: ")  # read by then, and nothing trained yet
    assert epoch.startswith("epoch 1/2")


def test_a_rerun_promises_nothing_that_no_record_tells(command: Command) -> None:
    command(*TINY, "hydra.run.dir=run")
    path = Path("run/environment.json")
    environment = json.loads(path.read_text())

    def told(**changed: object) -> str:
        path.write_text(json.dumps({**environment, **changed}))
        lines = command("rerun", "run").out.splitlines()
        return lines[next(n for n, line in enumerate(lines) if line.startswith("run folder: ")) - 1]

    older = environment["packages"] | {"rich": "1.0", "timm": "0.1"}
    unless = "the same numbers are expected, bit by bit, unless they depend on packages.rich, packages.timm"
    assert told(packages=older) == unless
    unknown = "whether the numbers will be the same cannot be known: "
    assert told(unknown_code=["own.Net"]) == f"{unknown}no file tells the code of own.Net"
    change_record(Path("run"), data_fingerprint="")
    assert told() == f"{unknown}no fingerprint tells the data"
    path.unlink()
    lines = command("rerun", "run").out.splitlines()
    assert lines[0] == f"{unknown}there is no environment.json to tell code and packages"


def pictures(folder: Path, colour: int) -> None:
    """Two classes of pictures with a little of `colour`."""
    for number in range(12):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (colour, 20 * number, 0)).save(path)


def test_a_mistake_in_a_rerun_is_one_line_and_makes_no_folder(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    assert "optimizer.lrr" in command("rerun", str(run), "optimizer.lrr=1", code=2).line.replace("\n", " ")
    assert "hydra: there is no such setting" in command("rerun", str(run), "hydra.x=1", code=2).line
    assert (
        "trainer.epochz: there is no such setting"
        in command("resume", str(run), "trainer.epochz=1", code=2).line
    )
    assert "trainer.epochs: needs an integer" in command("resume", str(run), "trainer.epochs=x", code=2).line
    assert "several are a sweep" in command("rerun", str(run), "optimizer.lr=1,2", code=2).line
    only_run(Path("outputs"))


def test_secrets_are_masked_in_every_file_and_asked_for_again(command: Command) -> None:
    Path("guarded.py").write_text(
        "from sweepboard.data.datasets.fashion_mnist import FashionMini\n"
        "def data(api_key):\n"
        "    assert api_key == 'hunter2'\n"
        "    return FashionMini()\n"
    )
    command(*TINY, "dataset._target_=guarded.data", "dataset.api_key=hunter2")
    run = only_run(Path("outputs"))
    ours = [path for path in run.rglob("*") if path.is_file()]
    assert ours
    assert not [path for path in ours if b"hunter2" in path.read_bytes()]
    said = command("rerun", str(run), code=2)
    assert said.line.startswith("sweepboard: dataset.api_key was a secret")
    command("rerun", str(run), "dataset.api_key=hunter2")


def test_test_measures_other_data_and_enters_the_result(command: Command) -> None:
    command(*TINY)
    run = only_run(Path("outputs"))
    said = command("test", str(run), "--checkpoint", "last", "--json").json
    assert said["test/accuracy"] == record_of(run)["metrics"]["test/accuracy"]
    command("test", str(run), "dataset.val_fraction=0.2", "--json")
    assert any(key.startswith("test_fashion_mini_best/") for key in record_of(run)["metrics"])
    assert "a test changes only the data" in command("test", str(run), "optimizer.lr=1", code=2).line


def test_diff_shows_only_what_differs(command: Command) -> None:
    command(*TINY, "hydra.run.dir=a")
    command(*TINY, "hydra.run.dir=b", "optimizer.lr=0.01")
    keys = [entry["key"] for entry in command("diff", "a", "b", "--json").json]
    assert "optimizer.lr" in keys
    assert "seed" not in keys
    assert {"val/accuracy", "val_best/loss", "test/loss"} <= set(keys)
    said = command("diff", "a", "b").out.splitlines()
    assert said[:2] == ["first:  a", "second: b"]
    assert said[3].split() == ["first", "second"], "names of folders would be wider than a terminal"
    assert command("diff", "a", "a").out == "no difference\n"


def test_a_rerun_with_other_evaluation_batches_promises_no_more_than_is_known(command: Command) -> None:
    Path("ignoring.py").write_text(
        "import torch.nn.functional as F\n"
        "import sweepboard\n"
        "class Ignoring(sweepboard.Task):\n"
        "    def training_step(self, model, batch):\n"
        "        return F.cross_entropy(model(batch[0]), batch[1], ignore_index=0)\n"
    )
    command(*TINY, "task._target_=ignoring.Ignoring", "trainer.limit_val_batches=null")
    run = newest()
    loss = record_of(run)["metrics"]["val/loss"]
    said = command("rerun", str(run), "dataset.eval_batch_size=7").out
    assert "other numbers are to be expected, because of dataset.eval_batch_size" in said
    assert record_of(newest())["metrics"]["val/loss"] != pytest.approx(loss, rel=1e-4)
    refused = command("resume", str(run), "trainer.epochs=9", "dataset.eval_batch_size=7", code=2)
    assert "that would be another run" in refused.line
    checked = command("check", "outputs", code=1).out
    assert "dataset.eval_batch_size" in checked
