"""A class typed on the command line in place of the one that a group's option names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.construct import shared_keys
from sweepboard.compose.mistakes import explain
from sweepboard.compose.schema import OPEN_GROUPS
from sweepboard.compose.signatures import RESERVED, takes
from sweepboard.compose.targets import TARGET, locate


def follow_typed_targets(config: DictConfig, overrides: Sequence[str]) -> None:
    """Drop from `config` the arguments that only the replaced class takes.

    `optimizer._target_=torch.optim.RAdam` takes the place of Adam, and `fused: true` in adam.yaml was meant
    for Adam. Kept are the arguments that the new class has by name, and all that was typed. Raises
    `ConfigError` where the class cannot be found.
    """
    if not any(TARGET in word for word in overrides):
        return
    typed = set(_typed(overrides))
    for group in OPEN_GROUPS:
        path = OmegaConf.to_container(config[group], resolve=False).get(TARGET)  # type: ignore[union-attr]
        if (group, TARGET) not in typed or path is None or "${" in str(path):
            continue
        target = locate(path, f"{group}.{TARGET}")
        keep = {*RESERVED, *shared_keys(group)}
        for name in map(str, list(config[group])):
            if name not in keep and (group, name) not in typed and not takes(target, name):
                del config[group][name]


def _typed(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Group and key of every value typed for a group: `model.width=8`, `model={width: 8}`."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:  # of a record, whose words nobody has typed here
        raise explain(error, list(overrides)) from error
    for override in parsed:
        group, _, key = override.key_or_group.partition(".")
        value = override.value()
        if key:
            yield group, key.partition(".")[0]
        elif isinstance(value, dict):
            yield from ((group, str(name)) for name in value)
