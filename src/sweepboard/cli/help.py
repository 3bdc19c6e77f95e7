"""`sweepboard --help`: the groups, the settings and examples, without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from sweepboard.cli.dispatch import VERBS
from sweepboard.formatting import yaml_text
from sweepboard.settings import settings

EXAMPLES = """\
  sweepboard                                       train the default model on the embedded data
  sweepboard model=mlp optimizer=sgd optimizer.lr=0.1
  sweepboard experiment=fashion_cnn trainer.epochs=10
  sweepboard -m optimizer.lr=1e-1,1e-2,1e-3        a sweep: one run per learning rate
  sweepboard --config-dir my_conf model=my_net     your own YAML and classes
  sweepboard --cfg job model=mlp                   show the composed configuration, train nothing
  sweepboard trainer=debug                         try everything once, in seconds"""

HYDRA_FLAGS = """\
  -m                   sweep over comma-separated values    --cfg job         show the configuration
  --config-dir DIR     add your own folder of YAML          --info            how it was composed
  --config-name NAME   another primary configuration        --origin          where each value comes from
  --version            sweepboard's and Hydra's             --hydra-help      all of Hydra's flags"""


def main(_: list[str]) -> int:
    """Print the help without options of the user's own."""
    print_help([])
    return 0


def print_help(config_dirs: Sequence[Path]) -> None:
    """Print the help, including options of the user's own groups."""
    print("sweepboard [VERB] [OVERRIDES...] [-m]\n")
    print("Train a PyTorch model from composable YAML; the run's folder is its TensorBoard log directory.\n")
    section("Verbs (each has --help)", [f"  {verb:<10} {what}" for verb, what in VERBS.items()])
    section("Config groups: group=option", group_lines(config_dirs))
    section("Settings: key=value", setting_lines())
    section("Flags", HYDRA_FLAGS.splitlines())
    section("Examples", EXAMPLES.splitlines())


def setting_lines() -> list[str]:
    """Return each setting with its default and its description."""
    rows = [(f"{key}={yaml_text(each.default)}", each.text) for key, each in settings().items()]
    width = max(len(word) for word, _ in rows)
    return [f"  {word:<{width}}  {text}" for word, text in rows]


def section(title: str, lines: list[str]) -> None:
    """Print a headed block and an empty line."""
    print(f"{title}\n" + "\n".join(lines) + "\n")


def group_lines(config_dirs: Sequence[Path]) -> list[str]:
    """Return each group with its options, the shipped ones and the user's."""
    groups: dict[str, set[str]] = {}
    for root in [Path(str(files("sweepboard.conf"))), *config_dirs]:
        for path in root.rglob("*.yaml"):
            group = path.parent.relative_to(root).as_posix()
            if group != ".":
                groups.setdefault(group, set()).add(path.stem)
    width = max(map(len, groups))
    return [f"  {group:<{width}}  {', '.join(sorted(options))}" for group, options in sorted(groups.items())]
