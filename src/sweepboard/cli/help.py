"""`sweepboard --help`: the groups, the settings and examples, without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from sweepboard.cli.dispatch import VERBS
from sweepboard.cli.terminal import definitions, filled, help_width, painted
from sweepboard.formatting import yaml_text
from sweepboard.settings import settings

EXAMPLES = [
    ("sweepboard", "train the default model on the embedded data"),
    ("sweepboard model=mlp optimizer=sgd optimizer.lr=0.1", "choose options, change values"),
    ("sweepboard -m optimizer.lr=1e-1,1e-2,1e-3", "a sweep: one run per learning rate"),
    ("sweepboard model=mlp --help", "the keys of what is chosen"),
    ("sweepboard --cfg job model=mlp", "show the composed configuration, train nothing"),
    ("sweepboard trainer=debug", "try everything once, in seconds"),
    ("sweepboard --config-dir my_conf model=my_net", "your own YAML and classes"),
    ("sweepboard resume last", "go on with what was stopped"),
]

FLAGS = [
    ("-m", "sweep over comma-separated values"),
    ("--config-dir DIR", "add your own folder of YAML"),
    ("--config-name NAME", "another primary configuration"),
    ("--cfg job", "show the configuration"),
    ("--info", "how it was composed"),
    ("--origin", "where each value comes from"),
    ("--version", "sweepboard's and Hydra's"),
    ("--hydra-help", "all of Hydra's flags"),
]


def main(_: list[str]) -> int:
    """Print the help without options of the user's own."""
    print_help([])
    return 0


def print_help(config_dirs: Sequence[Path]) -> None:
    """Print the help, including options of the user's own groups."""
    print("sweepboard [VERB] [OVERRIDES...] [-m]\n")
    what = "Train a PyTorch model from composable YAML; the run's folder is its TensorBoard log directory."
    print("\n".join(filled(what, help_width())) + "\n")
    section("Examples", EXAMPLES)
    section("Verbs (each has --help)", list(VERBS.items()))
    section("Config groups: group=option", group_rows(config_dirs))
    section("Settings: key=value", setting_rows())
    section("Flags", FLAGS)


def setting_rows() -> list[tuple[str, str]]:
    """Return each setting with its default, and its description."""
    return [(f"{key}={yaml_text(each.default)}", each.text) for key, each in settings().items()]


def section(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print a headed block of words with their descriptions, and an empty line."""
    print("\n".join([painted(title, "bold"), *definitions(rows, help_width())]) + "\n")


def group_rows(config_dirs: Sequence[Path]) -> list[tuple[str, str]]:
    """Return each group with its options, the shipped ones and the user's."""
    groups: dict[str, set[str]] = {}
    for root in [Path(str(files("sweepboard.conf"))), *config_dirs]:
        for path in root.rglob("*.yaml"):
            group = path.parent.relative_to(root).as_posix()
            if group != ".":
                groups.setdefault(group, set()).add(path.stem)
    return [(group, ", ".join(sorted(options))) for group, options in sorted(groups.items())]
