"""The process that forks the ranks of a run is started early, and only where there are ranks."""

from __future__ import annotations

from typing import Any

import pytest

from sweepboard.building import prepare
from sweepboard.execution.local.job_server import JobServer
from sweepboard.runs.rank_server import devices_in, rank_server
from tests.command import Command


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens: servers that are started and closed, and the checks of a configuration."""
    found: list[str] = []
    for owner, name in ((JobServer, "__init__"), (JobServer, "close"), (prepare, "prepare")):
        before = getattr(owner, name)

        def told(*args: Any, name: str = name, before: Any = before, **words: Any) -> Any:
            found.append(name)
            return before(*args, **words)

        monkeypatch.setattr(owner, name, told)
    return found


RUN = ["model=linear", "dataset=gaussian", "trainer=debug", "threads=1", "logging=minimal"]


def test_the_server_starts_before_the_configuration_is_checked(events: list[str], command: Command) -> None:
    command(*RUN, "trainer.devices=2", "hydra.run.dir=run")
    assert events == ["__init__", "prepare", "close"]
    events.clear()
    command("resume", "run", "trainer.steps=20")
    assert events == ["__init__", "prepare", "close"]


def test_a_server_that_no_run_takes_ends_with_the_command(events: list[str], command: Command) -> None:
    command(*RUN, "trainer.devices=2", "optimizer.lr=fast", code=2)
    assert events == ["__init__", "prepare", "close"]


def test_one_process_starts_none(events: list[str], command: Command) -> None:
    command(*RUN)
    assert events == ["prepare"]


@pytest.mark.parametrize("devices", [None, 1, "many", [2], {"a": 2}])
def test_what_is_no_number_of_processes_starts_none(devices: Any, events: list[str]) -> None:
    with rank_server(devices_in({"trainer": {"devices": devices}})):
        pass
    with rank_server(devices_in({"trainer": devices})), rank_server(devices_in({})):
        pass
    assert events == []
