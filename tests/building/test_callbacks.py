"""`callbacks` and `loggers`: named entries, checked like every other group and built with the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweepboard.building.callbacks import build_callbacks
from tests.command import TINY, Command, own_imports
from tests.preparing import Mistake, Prepare

SOURCE = """
from sweepboard import Callback, Logger

class Mine(Callback):
    def __init__(self, every: int = 10) -> None:
        if every > 100:
            raise ValueError("every is too large")
        self.every = every

class Writer(Callback):
    writes_only = True

class Notes(Logger):
    pass

class NoCallback:
    pass
"""
D = ("model=mlp", "dataset=gaussian", "trainer=debug", "threads=1")
MINE = "+callbacks.mine._target_=my_parts.Mine"


@pytest.fixture(autouse=True)
def my_parts(module: Callable[[str, str], None], tmp_path: Path) -> Iterator[None]:
    with own_imports(tmp_path):
        module("my_parts", SOURCE)
        yield


def test_entries_are_built_under_their_key(prepare: Prepare) -> None:
    config = prepare(*D, MINE, "callbacks.mine.every=5", "+loggers.notes._target_=my_parts.Notes").config
    built = build_callbacks(config)
    assert [*built] == ["callbacks.mine", "loggers.notes"]
    assert vars(built["callbacks.mine"]) == {"every": 5}
    assert config.writes_only == ["loggers.notes"]


def test_an_entry_is_removed(prepare: Prepare) -> None:
    assert prepare(*D, MINE, "~callbacks.mine").config.values["callbacks"] == {}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((MINE, "callbacks.mine.evry=5"),
         "callbacks.mine.evry: my_parts.Mine has no such argument; did you mean callbacks.mine.every?"),
        ((MINE, "callbacks.mine.every=often"), "callbacks.mine.every: needs "),
        ((MINE, "callbacks.mine.every=101"),
         "callbacks.mine: my_parts.Mine cannot be built: ValueError: every is too large"),
        (("+callbacks.mine._target_=my_parts.NoCallback",),
         "callbacks.mine: my_parts.NoCallback is not a callback: derive its class from sweepboard.Callback"),
        (("+loggers.mine._target_=my_parts.Mine",),
         "loggers.mine: my_parts.Mine is not a logger: derive its class from sweepboard.Logger"),
        (("+callbacks.mine._target_=my_parts.Mne",),
         "callbacks.mine._target_: there is no Mne in my_parts"),
        (("+callbacks.mine=5",), "callbacks.mine: needs a class, typed as callbacks.mine._target_=...; "
         "~callbacks.mine removes it"),
        (("+callbacks.mine.every=5",),
         "callbacks.mine._target_: no class is named; type +callbacks.mine._target_=... and one"),
        (("callbacks.ema.decay=0.5",),
         "callbacks.ema._target_: no class is named; type callbacks=ema, or +callbacks.ema._target_=..."),
        (("callbacks=my_parts.Mine",), "callbacks=my_parts.Mine: there is no such option; for a class, type "
         "+callbacks.mine._target_=my_parts.Mine"),
        (("callbacks=emaa",), "callbacks=emaa: there is no such option; choose from "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(words: tuple[str, ...], line: str, mistake: Mistake) -> None:
    assert mistake(*D, *words).startswith(line)


def test_a_callback_that_does_not_fit_the_model_is_refused_before_there_is_a_folder(command: Command) -> None:
    Path("fits.py").write_text(
        "from sweepboard import Callback\n"
        "from sweepboard.errors import ConfigError\n"
        "class Fits(Callback):\n"
        "    def __init__(self, weights): self.weights = weights\n"
        "    def check_model(self, model, key):\n"
        "        found = sum(1 for _ in model.parameters())\n"
        "        if found != self.weights: raise ConfigError(f'{key}.weights: there are {found}')\n"
    )
    words = ["dataset=gaussian", *TINY, "+callbacks.mine._target_=fits.Fits"]
    for flags, weights in (((), "3"), (("-m",), "2,3")):
        line = command(*flags, *words, f"+callbacks.mine.weights={weights}", code=2).line
        assert "callbacks.mine.weights: there are 2" in line
    frozen = [*words[:-1], "callbacks=freeze", "callbacks.freeze.patterns=[norm.*]"]
    assert "callbacks.freeze: no parameter of the model matches norm" in command(*frozen, code=2).line
    assert not Path("outputs").exists()
    command(*words, "+callbacks.mine.weights=2")
