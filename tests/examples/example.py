"""A folder below `examples/` as a user has it: its command, its files, and how the tests make it short."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.documents import blocks, steps

FOLDER = Path(__file__).parents[2] / "examples"

SHORT = (
    "threads=1",
    "trainer.epochs=2",
    "trainer.limit_train_batches=8",
    "trainer.limit_val_batches=2",
    "trainer.limit_test_batches=2",
    "logging.every_steps=3",
)
"""A run of a few seconds: two epochs of at most eight updates."""


@dataclass(frozen=True)
class Example:
    """An example, and what differs in its proof from that of others."""

    name: str

    short: tuple[str, ...] = SHORT
    """What makes its run short."""

    swept: str = "optimizer.lr"
    """The key of its learning rate."""

    needs: tuple[str, ...] = ()
    """Packages that it imports and that sweepboard does not need."""

    before: int = 0
    """The number of commands in its README that train what the others begin from."""

    @property
    def source(self) -> Path:
        return FOLDER / self.name

    @property
    def commands(self) -> list[list[str]]:
        """The words of every command in its README that trains; the proof is of the first after `before`."""
        readme = (self.source / "README.md").read_text()
        console = [content for language, _, content in blocks(readme) if language == "console"]
        typed = [shlex.split(step.command) for content in console for step in steps(content)]
        return [words for program, *words in typed if program == "sweepboard" and "=" in " ".join(words)]

    def copy(self, folder: Path) -> None:
        """Copy the files of the example into an existing folder; skip the test without what it needs."""
        for package in self.needs:
            if find_spec(package) is None:  # not imported: Keras needs its backend named first
                pytest.skip(f"{package} is not installed")
        left_out = shutil.ignore_patterns("__pycache__", "outputs")
        shutil.copytree(self.source, folder, dirs_exist_ok=True, ignore=left_out)


EXAMPLES = (
    Example("detection", needs=("torchmetrics",)),
    Example("diffusion"),
    Example("distillation", before=1),
    Example("gan", swept="optimizer.generator.lr"),
    Example("graph_network"),
    Example("keras_model", needs=("keras",)),
    Example("language_model"),
    Example("physics_informed"),
    Example("segmentation", needs=("torchmetrics",)),
    Example("sequence_classification", needs=("transformers",)),
    Example("simclr"),
    Example("streaming", short=(*SHORT, "trainer.steps=16", "trainer.val_every_steps=8")),
    Example("tabular", needs=("pandas", "sklearn", "torchmetrics")),
    Example("timm_fine_tuning", needs=("timm",)),
    Example("vae"),
)
"""Every folder below `examples/` whose training is sweepboard's."""

PROGRAMS = {"own_training_function": "optimizer.lr", "summary_writer": "lr"}
"""Those with a training function of their own, with the key of its learning rate."""
