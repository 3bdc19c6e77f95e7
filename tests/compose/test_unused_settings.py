"""A setting that was typed and has no effect beside the others is told, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sweepboard.compose.unused_settings import _warn
from sweepboard.settings import settings
from tests.command import TINY, Command

TYPED = [
    ("weights.checkpoint=last", "without weights.path"),
    ("weights={exclude: [fc.*]}", "without weights.path"),
    ("trainer.early_stopping.metric=loss", "without trainer.early_stopping.patience"),
    ("trainer.early_stopping={min_delta: 0.1}", "without trainer.early_stopping.patience"),
    ("trainer.strategy=fsdp", "in a run of one process (trainer.devices)"),
    ("dataset.augment_area=0.5", "without dataset.augment=resized_crop or resized_crop_flip"),
    ("dataset.prefetch_factor=4", "without dataset.workers"),
    ("scheduler.metric=loss", "without scheduler.interval=validation"),
]


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    _warn.cache_clear()
    yield
    _warn.cache_clear()


@pytest.mark.parametrize(("word", "why"), TYPED)
def test_what_was_typed_in_vain_is_told(
    word: str, why: str, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    command(*TINY, word)
    assert caplog.text.count(f"has no effect {why}") == 1


def test_of_a_length_in_epochs_and_in_steps_the_one_in_vain_is_told(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    words = [word for word in TINY if not word.startswith("trainer.epochs")]
    command(*words, "trainer.steps=2", "hydra.run.dir=run")
    assert "no effect" not in caplog.text
    command("rerun", "run", "trainer.epochs=2")
    assert "trainer.epochs has no effect beside trainer.steps" in caplog.text


def test_a_sweep_tells_it_once_for_all_points(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    command("plan", *TINY, "weights.strict=true,false", "seed=1,2")
    assert caplog.text.count("weights.strict has no effect without weights.path") == 1


def test_what_has_an_effect_and_what_a_preset_says_is_not_told(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    command(*TINY, "trainer.early_stopping.metric=loss", "trainer.early_stopping.patience=3")
    assert "no effect" not in caplog.text


def test_every_setting_that_may_be_unused_says_when() -> None:
    rules = {key: each.rules for key, each in settings().items()}
    assert [key for key, each in rules.items() if bool(each.used) != bool(each.unused)] == []
