"""What stands in records, tags and names of runs reaches a terminal as text only, from every verb."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from sweepboard.files import as_json
from tests.command import TINY, Command
from tests.conftest import WriteRun

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2028[red]"
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def runs(write_run: WriteRun, command: Command) -> Path:
    """Two runs of a stranger's, in the working directory."""
    for seed, lr in ((0, 0.1), (1, 0.2)):
        name = f"outputs/{ESCAPE.replace('/', '')}{seed}"
        record = {
            "overrides": [f"a={ESCAPE}\nfinished  forged"],
            "primary_metric": f"accuracy{ESCAPE}",
            "best": {f"accuracy{ESCAPE}": 0.5},
            "reason": f"{ESCAPE}\n",
            "status": "failed" if seed else "finished",
        }
        config = {"optimizer.lr": lr, "optimizer.note": f"{ESCAPE}{seed}", "model._target_": f"evil.{ESCAPE}"}
        write_run(Path(name), config, {f"val/{ESCAPE}": [(1, 0.5), (2, float(seed))]}, record)
    torn = Path(f"outputs/torn{ESCAPE}/events.out.tfevents.1.x")
    torn.parent.mkdir()
    torn.write_bytes(b"no record")
    return Path("outputs")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["ls"], 0),
        (["compare"], 0),
        (["compare", "--csv"], 0),
        (["compare", "--markdown"], 0),
        (["compare", "--metric", f"val/{ESCAPE}"], 2),
        (["check"], 1),
        (["doctor"], 1),
        (["compare", "--where", f"x{ESCAPE} < 1"], 2),
    ],
)
def test_tables_and_verdicts(runs: Path, command: Command, words: list[str], code: int) -> None:
    verb, *rest = words
    said = command(verb, str(runs), *rest, code=code)
    assert not OBEYED.search(said.out + said.err)
    assert "\\x1b" in said.out + said.err
    assert not [line for line in said.out.splitlines() if line.startswith("finished  forged")]


@pytest.mark.parametrize("verb", ["rerun", "resume", "verify", "test", "export"])
def test_refusals(runs: Path, command: Command, verb: str) -> None:
    run = min(runs.iterdir())
    said = command(verb, str(run), code=2)
    assert not OBEYED.search(said.line)


@pytest.mark.parametrize("verb", ["verify", "test", "export", "rerun"])
def test_a_name_that_is_refused(command: Command, verb: str) -> None:
    command(*TINY, "hydra.run.dir=run")
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    config["model"]["_target_"] = f"evil.{ESCAPE}"
    Path("run/config.yaml").write_text(yaml.safe_dump(config))
    said = command(verb, "run", code=2)
    assert not OBEYED.search(said.line)
    said = command("diff", "run", f"nowhere{ESCAPE}", code=2)
    assert not OBEYED.search(said.line)


@pytest.mark.parametrize("verb", ["ls", "compare"])
def test_json_stays_json(runs: Path, command: Command, verb: str) -> None:
    said = command(verb, str(runs), "--json")
    assert not OBEYED.search(said.out)
    assert any(ESCAPE in str(value) for value in said.json[0].values())


@pytest.mark.parametrize("text", [ESCAPE, "\x7f", "größer 損失 👩", "\udcff", "\U000e0041", "plain"])
def test_json_reads_back(text: str) -> None:
    written = as_json({text: [text]})
    assert json.loads(written) == {text: [text]}
    assert not OBEYED.search(written)
    assert written.encode()
