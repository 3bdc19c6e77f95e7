"""Every word of a sweep's command counts as it would for a single run, or is refused with what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.sweeps.grid import grid
from tests.command import TINY, Command

LR = "optimizer.lr=0.1,0.2"


def jobs(command: Command, *words: str) -> list[str]:
    return [entry["job"] for entry in command("plan", "--json", *TINY, *words).json]


@pytest.mark.parametrize(
    ("words", "points"),
    [
        (["m=a", "m={x:1},{x:2}"], [["m=a", "m={x:1}"], ["m=a", "m={x:2}"]]),
        (["m=a,b", "m={x:1}"], [["m=a", "m={x:1}"], ["m=b", "m={x:1}"]]),
        (["m={x:1}", "m={y:2}"], [["m={x:1}", "m={y:2}"]]),
        (["m.x=5", "m={x:1}", "m.x=6,7"], [["m={x:1}", "m.x=6"], ["m={x:1}", "m.x=7"]]),
        (["m=a,b", "m=c"], [["m=c"]]),
        (["m=a", "+m={k:1},{k:2}"], [["m=a", "+m={k:1}"], ["m=a", "+m={k:2}"]]),
        (["m/act=relu", "m.act={s:1},{s:2}"], [["m/act=relu", "m.act={s:1}"], ["m/act=relu", "m.act={s:2}"]]),
    ],
)
def test_an_option_and_mappings_of_one_key_all_stand(words: list[str], points: list[list[str]]) -> None:
    assert grid(words) == points


def test_an_option_and_a_mapping_make_jobs_of_both(command: Command) -> None:
    mappings = "optimizer={lr:0.1,momentum:0.5},{lr:0.2,momentum:0.5}"
    assert jobs(command, "optimizer=sgd", mappings) == ["optimizer.lr=0.1", "optimizer.lr=0.2"]
    both = jobs(command, "optimizer=sgd,adam", "optimizer={lr:0.1},{lr:0.2}")
    assert both == [
        "optimizer=sgd,lr=0.1",
        "optimizer=sgd,lr=0.2",
        "optimizer=adam,lr=0.1",
        "optimizer=adam,lr=0.2",
    ]
    zipped = jobs(command, "optimizer=sgd", mappings, "seed=1,2", "sweep.zip=[optimizer,seed]")
    assert zipped == ["optimizer.lr=0.1,seed=1", "optimizer.lr=0.2,seed=2"]
    twice = ["optimizer=sgd,adam", "optimizer={lr:0.1},{lr:0.2}", "seed=1,2", "sweep.zip=[optimizer,seed]"]
    assert "sweep.zip: optimizer has values twice" in command("plan", *TINY, *twice, code=2).line


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("sweep.zip=optimizer.lr,seed", "write sweep.zip=[optimizer.lr,seed]"),
        ("sweep.zip=optimizer.lr,seed,model", "write sweep.zip=[optimizer.lr,seed,model]"),
        ("sweep.zip=choice(seed,optimizer.lr)", "write sweep.zip=[seed,optimizer.lr]"),
        ("sweep.name=a,b", "sweep.name=a,b: is one setting of the whole sweep; give it one value"),
        ("sweep.jobs=1,2", "sweep.jobs=1,2: is one setting"),
        ("sweep.retry=range(2)", "sweep.retry=range(2): is one setting"),
        ("sweep.on_failure=choice(stop,continue)", "is one setting"),
        ("++sweep.time_limit=1,2", "sweep.time_limit=1,2: is one setting"),
        ("sweep={jobs: 1},{jobs: 2}", "is one setting"),
        ("sweep.filter=optimizer.lr<0.15,seed>1", "is no comparison"),
        ("sweep.filter=[optimizer.lr<0.15]", "is no comparison"),
    ],
)
def test_a_setting_of_the_sweep_has_one_value(command: Command, word: str, line: str) -> None:
    assert line in command("plan", *TINY, LR, "seed=1,2", word, code=2).line


def test_settings_of_the_sweep_in_any_spelling(command: Command) -> None:
    for word in ("+sweep.filter=optimizer.lr < 0.15", "++sweep.filter=optimizer.lr < 0.15"):
        assert len(jobs(command, LR, word)) == 1
    filtered = jobs(command, LR, "seed=1,2,3", "+sweep.filter=seed > 1")
    assert filtered == [f"optimizer.lr={lr},seed={seed}" for lr in (0.1, 0.2) for seed in (2, 3)]
    zipped = jobs(command, LR, "seed=1,2", "sweep={zip: [optimizer.lr,seed]}")
    assert zipped == ["optimizer.lr=0.1,seed=1", "optimizer.lr=0.2,seed=2"]
    assert jobs(command, "seed=1,2", "model=linear,mlp", "++sweep.filter=model == 'mlp'") == [
        "seed=1",
        "seed=2",
    ]
    assert len(jobs(command, LR, 'sweep={filter: "optimizer.lr < 0.15"}')) == 1
    assert jobs(command, LR, "sweep={jobs: 1}") == ["optimizer.lr=0.1", "optimizer.lr=0.2"]
    both = command("plan", *TINY, LR, "sweep.name=a", "hydra.sweep.dir=b", code=2).line
    assert "sweep.name=a: hydra.sweep.dir names the folder already" in both


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("model", ["model=mlp", "model={hidden:[4]},{hidden:[8]}"]),
        ("scheduler", ["scheduler=step", "scheduler={gamma:.1},{gamma:.5}"]),
    ],
)
def test_other_words_that_a_sweeper_would_drop(key: str, words: list[str], command: Command) -> None:
    line = command("-m", *TINY, "hydra/sweeper=basic", *words, code=2).line
    assert line.startswith(f"sweepboard: {key}: hydra/sweeper=basic takes one word of a key")
    assert len(jobs(command, *words)) == 2


def test_a_sweeper_that_would_drop_a_word_is_refused(command: Command) -> None:
    for launcher in ("local", "basic"):
        words = [
            "hydra/sweeper=basic",
            f"hydra/launcher={launcher}",
            "optimizer=sgd",
            "optimizer={lr:0.1},{lr:0.2}",
        ]
        assert command("-m", *TINY, *words, code=2).line == (
            "sweepboard: optimizer: hydra/sweeper=basic takes one word of a key and would drop the others; "
            "use hydra/sweeper=grid"
        )
    twice = ["hydra/sweeper=optuna", "optimizer=sgd,adam", "optimizer={lr:0.1},{lr:0.2}"]
    assert "optimizer: has values twice" in command("-m", *TINY, *twice, code=2).line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "swept"),
    [
        (["model=mlp", "model.hidden=[16,8]"], "model.hidden.1=4,2"),
        (["optimizer={betas: [0.8, 0.9]}"], "optimizer.betas.1=0.95,0.99"),
        (["optimizer={_target_: torch.optim.SGD, lr: 0.1}"], "+optimizer.momentum=0.9,0.5"),
        (["optimizer=sgd", "~optimizer.momentum"], "+optimizer.momentum=0.9,0.5"),
        (["+callbacks.a_1={_target_: sweepboard.callbacks.EMA, decay: 0.9}"], "callbacks.a_1.decay=0.5,0.7"),
        (["~optimizer.fused"], "++optimizer.amsgrad=true,false"),
    ],
)
def test_a_job_is_the_run_of_the_same_words(command: Command, words: list[str], swept: str) -> None:
    """Overrides count in the order in which they were typed, whatever their keys are."""
    own = TINY if words[0] != "model=mlp" else [word for word in TINY if word != "model=linear"]
    command("-m", *own, *words, swept, "sweep.name=s")
    jobs = {path.parent for path in Path("outputs/sweeps/s").glob("*/config.yaml")}
    key, _, values = swept.partition("=")
    found = {(job / "config.yaml").read_text() for job in jobs}
    assert len(found) == 2
    for value in values.split(","):
        command(*own, *words, f"{key}={value}", f"hydra.run.dir=alone-{value}")
        assert Path(f"alone-{value}/config.yaml").read_text() in found
