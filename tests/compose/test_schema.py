"""The schema of the runner's own settings, as Hydra knows it."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from sweepboard.compat.hydra import store_config
from sweepboard.compose.schema import register, schema


def test_the_schema_is_made_once_and_replaces_one_of_that_name() -> None:
    store = ConfigStore.instance()
    register()
    ours = store.repo["schema.yaml"]
    register()
    assert store.repo["schema.yaml"] is ours
    store_config("schema", {"seed": 1})
    register()
    assert store.repo["schema.yaml"].node == schema()
