"""`sweepboard --origin [overrides]`: every value of the configuration and its source."""

from __future__ import annotations

from omegaconf import OmegaConf

from sweepboard.cli.command_line import Request, compose_request
from sweepboard.cli.table import print_table
from sweepboard.compose.value_origins import DEFAULT, origins
from sweepboard.formatting import yaml_text
from sweepboard.names import flatten


def print_origins(request: Request) -> int:
    """Print a line for each value: its key, the value as written, and the file or override that set it."""
    composed = compose_request(request)
    found = origins(request.overrides, request.config_dirs, request.config_name)
    written = OmegaConf.to_container(composed, resolve=False)
    assert isinstance(written, dict)
    values = {str(key): value for key, value in written.items() if key not in ("facts", "hydra")}
    rows = [[key, yaml_text(value, 10_000), found.get(key, DEFAULT)] for key, value in flatten(values)]
    print_table(["key", "value", "from"], rows)
    return 0
