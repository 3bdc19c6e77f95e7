"""`sweepboard export RUN`: write the model for use elsewhere, and check that it loads with equal outputs."""

from __future__ import annotations

import sys
from pathlib import Path

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.run_options import parser
from sweepboard.formatting import printable
from sweepboard.runs.export_formats import FORMATS, format_of
from sweepboard.runs.saved_run import read_run


def main(arguments: list[str]) -> int:
    """Write the file, by default into the working directory and named after the run."""
    made = parser("export", __doc__)
    made.add_argument(
        "--format", choices=FORMATS, help="default: the one of the output's ending, or safetensors"
    )
    made.add_argument("--checkpoint", choices=["best", "last"], default="best")
    made.add_argument("--output", metavar="FILE", help="file to write (default: <run's name>.<ending>)")
    options = made.parse_args(arguments)
    kind = options.format or format_of(options.output)
    saved = read_run(chosen(options.run))
    from sweepboard.runs.export import export, lost
    from sweepboard.runs.load_model import changed_attributes, model_of
    from sweepboard.runs.reload import refuse_foreign_model

    refuse_foreign_model(saved, options.allow)
    model, step = model_of(saved, options.checkpoint)
    name = saved.folder.path.resolve().name + FORMATS[kind]
    path = Path(options.output or name)
    export(saved, model, kind, path, options.allow)
    print(f"{printable(path)}: the {options.checkpoint} weights (step {step}), read back and found the same")
    changed = changed_attributes(saved, options.checkpoint) if kind == "safetensors" else []
    if lacking := lost(saved, model, changed):
        print(f"warning: {printable(lacking)}", file=sys.stderr)
    return 0
