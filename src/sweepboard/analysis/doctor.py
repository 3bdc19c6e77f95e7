"""Find faults in a log directory, also in runs of other tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tensorboard.plugins.hparams.api_pb2 import Experiment

from sweepboard.analysis.logdir import LogDir, RunFiles, equal_files, read_log_dir
from sweepboard.analysis.run_checks import Fault, faults_of_run
from sweepboard.errors import UserError
from sweepboard.formatting import some

_KINDS = {"number_value": "a number", "string_value": "text", "bool_value": "true or false"}


def examine(root: Path) -> tuple[int, list[Fault]]:
    """Return how many runs TensorBoard finds at or below `root`, and their faults.

    Raise `UserError` if there is no run.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder that you would give to TensorBoard")
    log = read_log_dir(root)
    if not log.runs:
        raise UserError(f"{root}: no event files here; give the folder that you would give to TensorBoard")
    between = [*_twins(log), *_copies(log), *_hidden_columns(log), *_mixed_types(log)]
    return len(log.runs), [*(fault for run in log.runs for fault in faults_of_run(run)), *between]


def _twins(log: LogDir) -> Iterator[Fault]:
    for link, target in log.twins:
        yield Fault(
            "link-twin",
            str(link.relative_to(log.root)),
            f"leads by a link to {target.relative_to(log.root)}: TensorBoard shows that run twice",
            "remove the link, or keep it outside the log directory",
        )


def _copies(log: LogDir) -> Iterator[Fault]:
    folders: dict[tuple[Path, Path], list[str]] = {}
    for original, *copies in equal_files([path for run in log.runs for path in run.files]):
        for copy in copies:
            folders.setdefault((copy.parent, original.parent), []).append(copy.name)
    for (folder, original), names in folders.items():
        other = "another file there" if folder == original else str(original.relative_to(log.root))
        yield Fault(
            "copy",
            str(folder.relative_to(log.root)),
            f"{some(names, 1)}: a copy of what is in {other}; TensorBoard reads any file with tfevents in "
            "its name as part of a run",
            "move backups and copies outside the log directory",
        )


def _hidden_columns(log: LogDir) -> Iterator[Fault]:
    """Yield runs whose HParams columns TensorBoard hides: one `_hparams_/experiment` decides for all runs."""
    for run in log.runs:
        for experiment in run.experiments:
            hidden = {other.name: _hidden(experiment, other) for other in log.runs if other is not run}
            hidden = {name: names for name, names in hidden.items() if names}
            if hidden:
                yield _hiding(run, hidden)
                return  # the remedy is the same for all, and TensorBoard takes only one


def _hidden(experiment: Experiment, run: RunFiles) -> set[str]:
    """Return hparams and metrics of `run` that are not in the table if `experiment` defines its columns."""
    hparams = {name for start in run.starts for name in start.hparams}
    if not run.starts:
        return set()
    own = {info.name.tag for each in run.experiments for info in each.metric_infos}
    metrics = own if run.experiments else run.tags
    shown = {info.name for info in experiment.hparam_infos}
    measured = {info.name.tag for info in experiment.metric_infos}
    return (hparams - shown) | (metrics - measured)


def _hiding(run: RunFiles, hidden: Mapping[str, set[str]]) -> Fault:
    names = sorted(set().union(*hidden.values()))
    return Fault(
        "hidden-columns",
        run.name,
        f"writes _hparams_/experiment (as add_hparams does), which hides {some(names)} of "
        f"{some(list(hidden))} in the HParams table",
        "write only session_start_info and session_end_info, as sweepboard does, or name the same hparams "
        "and metrics in all runs",
    )


def _mixed_types(log: LogDir) -> Iterator[Fault]:
    kinds: dict[str, dict[str, list[str]]] = {}
    for run in log.runs:
        for start in run.starts:
            for name, value in start.hparams.items():
                kind = _KINDS.get(value.WhichOneof("kind") or "", "nothing")
                kinds.setdefault(name, {}).setdefault(kind, []).append(run.name)
    for name, by_kind in kinds.items():
        if len(by_kind) > 1:
            yield Fault(
                "mixed-types",
                name,
                "this hparam is "
                + " and ".join(f"{kind} in {some(runs, 1)}" for kind, runs in sorted(by_kind.items()))
                + ": its column can be neither sorted nor filtered as numbers",
                "write one type for it in all runs, and leave it out where it has no value",
            )
