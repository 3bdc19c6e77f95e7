"""Runs a script that stands beside an example for a few batches, and once more from its checkpoint.

    python few_steps.py SCRIPT [ARGUMENT...] -- [ARGUMENT...]

What comes after `--` are the arguments of the second run, in which `{}` is the newest checkpoint.
"""

from __future__ import annotations

import multiprocessing
import runpy
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

FEW = {"limit_train_batches": 2, "limit_val_batches": 2, "limit_test_batches": 2, "log_every_n_steps": 1}


def shorten_lightning(times: int) -> None:
    lightning: Any = import_module("lightning")
    trainer = lightning.Trainer

    def short(**given: Any) -> Any:
        if "max_steps" in given:
            length = {"max_steps": 2 * times, "val_check_interval": 2}
        else:
            length = {"max_epochs": times, "check_val_every_n_epoch": 1}
        return trainer(**{**given, **FEW, **length, "accelerator": "cpu", "enable_progress_bar": False})

    lightning.Trainer = short


def shorten_transformers(times: int) -> None:
    transformers: Any = import_module("transformers")
    arguments = transformers.TrainingArguments

    def short(**given: Any) -> Any:
        return arguments(**{**given, "num_train_epochs": times, "use_cpu": True})

    transformers.TrainingArguments = short


def newest_checkpoint() -> str:
    patterns = ("last*.ckpt", "checkpoint-*", "last.pt")
    found = [path.resolve() for pattern in patterns for path in Path().rglob(pattern)]
    return str(max(found, key=lambda path: path.stat().st_mtime))


def run(script: str, words: Sequence[str], times: int) -> None:
    """Execute the script in this process, `times` times as long as the shortest."""
    text = Path(script).read_text()
    if "import lightning" in text:
        shorten_lightning(times)
    if "TrainingArguments" in text:
        shorten_transformers(times)
    sys.argv = [script, *words]
    runpy.run_path(script, run_name="__main__")


def main() -> None:
    script, *words = sys.argv[1:]
    sys.path.insert(0, "")  # the files of the example
    if "import lightning" in Path(script).read_text():
        import_module("lightning")  # once for both processes
    middle = words.index("--")
    for times, given in enumerate((words[:middle], words[middle + 1 :]), start=1):
        named = [word.replace("{}", newest_checkpoint()) if "{}" in word else word for word in given]
        process = multiprocessing.get_context("fork").Process(target=run, args=(script, named, times))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)


if __name__ == "__main__":
    main()
