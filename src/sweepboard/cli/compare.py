"""`sweepboard compare PATH...`: a table of runs, with seeds and folds of a config as mean ± deviation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.cli.comparison_options import compared, parser
from sweepboard.cli.table import Column, print_columns
from sweepboard.cli.terminal import status_colour, wrapped
from sweepboard.formatting import duration, printable
from sweepboard.metric_names import BEST_TEST, LAST_TEST

if TYPE_CHECKING:
    from sweepboard.analysis.compare import Comparison
    from sweepboard.analysis.run import Run
    from sweepboard.analysis.table import Row

EXAMPLES = """examples:
  sweepboard compare outputs/sweeps/lr --plot lr.png
  sweepboard compare outputs/sweeps/lr --plot lr.pdf --width column --split
  sweepboard compare outputs --where 'optimizer.lr < 0.1 and status == finished' --sort val/loss
  sweepboard compare outputs --metric 'test/*' --runs --csv > runs.csv
  sweepboard compare outputs/sweeps/subsets --average dataset.subset

--where and --sort take hyperparameters (optimizer.lr, or lr where that is clear), name, seed, status, time
and metrics: val/accuracy is the best value, last(val/accuracy) the last, step(val/accuracy) where that was.
"""


def main(arguments: list[str]) -> int:
    """Print the table, or another output that was asked for."""
    options = _parser().parse_args(arguments)
    paths, comparison = compared(options)
    _print(comparison, options)
    if options.plot:
        _plot(comparison, options)
    if options.aggregate is not None:
        _aggregate(comparison, paths, options.aggregate)
    return 0


def _plot(comparison: Comparison, options: argparse.Namespace) -> None:
    from sweepboard.analysis.plot_options import PlotOptions
    from sweepboard.analysis.plots import plot

    asked = PlotOptions(options.smooth, options.x, options.log, options.width, options.split)
    for path in plot(comparison, Path(options.plot), asked):
        print(f"wrote {printable(path)}", file=sys.stderr)


def _aggregate(comparison: Comparison, paths: Sequence[Path], place: str) -> None:
    from sweepboard.analysis.aggregate import default_folder, write_aggregate

    folder = Path(place) if place else default_folder(paths)
    labels = write_aggregate(comparison, folder)
    count = f"{len(labels)} config" + ("s" if len(labels) > 1 else "")
    print(
        f"mean and spread of {count} are in {printable(folder)}: sweepboard board shows them", file=sys.stderr
    )


def _parser() -> argparse.ArgumentParser:
    made = parser("compare", __doc__, EXAMPLES)
    add = made.add_argument
    drawn = "draw curves and the metric against what was swept; .png, .svg or .pdf"
    add("--plot", metavar="FILE", help=drawn)
    add("--split", action="store_true", help="a file for each panel of the plot: FILE-val-loss-curve.pdf")
    add("--width", metavar="INCHES", type=_inches, help="width of the plot: inches, column or text")
    add("--x", choices=["step", "epoch"], default="step", help="the x axis of curves")
    add("--log", choices=["x", "y", "xy"], default="", help="logarithmic axes of curves")
    add(
        "--smooth",
        metavar="WEIGHT",
        type=_weight,
        default=0.0,
        help="smooth drawn curves, 0 to 1 as TensorBoard",
    )
    add(
        "--aggregate",
        metavar="FOLDER",
        nargs="?",
        const="",
        help="write mean and spread over seeds as TensorBoard runs into FOLDER (default: aggregate/ there)",
    )
    form = made.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print every metric in full precision as CSV")
    form.add_argument("--json", action="store_true", help="print everything as JSON")
    form.add_argument("--latex", action="store_true", help="print the table for LaTeX, with booktabs")
    form.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return made


def _inches(text: str) -> float:
    from sweepboard.analysis.plot_options import WIDTHS

    try:
        inches = WIDTHS.get(text) or float(text)
    except ValueError:
        inches = 0.0
    if not 1 <= inches <= 60:
        raise argparse.ArgumentTypeError("give inches from 1 to 60, column (3.25) or text (6.75)")
    return inches


def _weight(text: str) -> float:
    weight = float(text)
    if not 0 <= weight < 1:
        raise argparse.ArgumentTypeError("give a weight from 0 (as measured) to below 1")
    return weight


def _print(comparison: Comparison, options: argparse.Namespace) -> None:
    from sweepboard.analysis.csv_json import as_csv, as_records
    from sweepboard.analysis.latex import latex
    from sweepboard.files import as_json

    if options.json:
        print(as_json(as_records(comparison)))
    elif options.csv:
        print(as_csv(comparison), end="")
    elif options.latex:
        print(latex(*table(comparison), best=_best_row(comparison)))
    elif options.markdown:
        print(markdown(*table(comparison)))
    else:
        print_columns(columns_of(comparison), best=_best_row(comparison))
        _say_whose_tests(comparison)


def _best_row(comparison: Comparison) -> int | None:
    """Return the index of the row with the best value of the first metric shown, if there is a choice."""
    tag = next(iter(comparison.shown), "")
    values = [row.metric(tag, "best") for row in comparison.rows]
    known = {index: value.mean for index, value in enumerate(values) if value is not None}
    if len(known) < 2 or comparison.modes[tag] == "unknown":
        return None
    return (min if comparison.modes[tag] == "min" else max)(known, key=lambda index: known[index])


def _say_whose_tests(comparison: Comparison) -> None:
    """Print a note where tests of the best weights, which are not the last ones, are missing."""
    untested = any(run.improved_before_end and not _has_best_test(run) for run in comparison.runs)
    if untested and any(tag.startswith(LAST_TEST) for tag in comparison.shown):
        note = "(last): of the last weights, not of those with the best validation"
        for line in wrapped(f"{note}: `sweepboard test RUN` measures these"):
            print(line, file=sys.stderr)


def _has_best_test(run: Run) -> bool:
    return any(tag.startswith(BEST_TEST) for tag in run.scores)


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return headers and cells: differing hyperparameters, metrics, time, and the name of the run."""
    columns = columns_of(comparison)
    rows = zip(*(column.cells for column in columns), strict=True)
    return [column.header for column in columns], [list(row) for row in rows]


def columns_of(comparison: Comparison) -> list[Column]:
    """Return the columns of the table, with short keys."""
    return [*_hparam_columns(comparison), *_metric_columns(comparison), *_end_columns(comparison)]


def _hparam_columns(comparison: Comparison) -> Iterator[Column]:
    from sweepboard.analysis.differing_hparams import as_text, short_names

    rows, names = comparison.rows, short_names(comparison.keys)
    for key in comparison.keys:
        cells = [as_text(row.hparams[key]) if key in row.hparams else "" for row in rows]
        yield Column(names[key], cells, worth=90)
    if any(len(row.runs) > 1 for row in rows):
        yield Column("runs", [str(len(row.runs)) for row in rows], worth=60)
    elif len({seed for row in rows for seed in row.seeds}) > 1:
        yield Column("seed", [",".join(map(str, row.seeds)) for row in rows], worth=85)


def _metric_columns(comparison: Comparison) -> Iterator[Column]:
    rows = comparison.rows
    for tag in comparison.shown:
        worth = 95 if tag == comparison.shown[0] else 70
        last = _values(rows, tag, "last")
        if comparison.modes[tag] == "unknown":
            yield Column(f"last {comparison.titled(tag)} (unknown which is better)", last, worth)
        elif _measured_once(tag, comparison):
            yield Column(comparison.titled(tag), last, worth)
        else:
            yield Column(f"best {comparison.titled(tag)}", _values(rows, tag, "best"), worth)
            yield Column("at step", [_step(row, tag) for row in rows], worth=20)
            yield Column("last", last, worth=30)


def _measured_once(tag: str, comparison: Comparison) -> bool:
    """Return whether best and last are equal in each run, as for a test."""
    return all(run.logged and len(run.curves[tag][0]) == 1 for run in comparison.runs if tag in run.curves)


def _values(rows: Sequence[Row], tag: str, part: str) -> list[str]:
    from sweepboard.analysis.column_texts import column_texts

    texts = column_texts([row.metric(tag, part) for row in rows])
    return [_with_count(text, row, tag, part) for text, row in zip(texts, rows, strict=True)]


def _with_count(text: str, row: Row, tag: str, part: str) -> str:
    """Return the text of a value with the number of repeats that have it, if not all have."""
    value, repeats = row.metric(tag, part), len(row.repeats)
    if value is None:
        return "nan" if any(tag in run.scores for run in row.runs) else ""
    return f"{text.removesuffix(' (n = 2)')} ({value.n} of {repeats})" if value.n < repeats else text


def _step(row: Row, tag: str) -> str:
    step = row.metric(tag, "step")
    return str(round(step.mean)) if step else ""


def _end_columns(comparison: Comparison) -> Iterator[Column]:
    rows = comparison.rows
    if any(row.seconds for row in rows):
        seconds = [duration(row.seconds.mean) if row.seconds else "" for row in rows]
        yield Column("time", seconds, worth=40)
    if {row.status for row in rows} - {"finished", "unknown"}:
        yield Column("status", [row.status for row in rows], worth=80, colour=status_colour)
    tags = [", ".join(_tags(row)) for row in rows]
    if any(tags):
        yield Column("tags", tags, worth=75)
    yield Column("run", [row.name for row in rows], worth=50)


def _tags(row: Row) -> list[str]:
    """Return the tags of the runs of a row, each once."""
    return list(dict.fromkeys(tag for run in row.runs if run.record for tag in run.record.tags))


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in GitHub's Markdown."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(
        "| " + " | ".join(printable(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
