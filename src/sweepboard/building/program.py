"""Check and complete the configuration of a training function of the user's own, and call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from sweepboard.compose.automatic import device_for
from sweepboard.compose.call_checks import check_type
from sweepboard.compose.computed_values import refuse_computed_values
from sweepboard.compose.hydra_values import templates_in, unfilled
from sweepboard.compose.interpolations import escaped, interpolations_of, leaves, resolved
from sweepboard.compose.locate import TARGET, import_beside, import_file, locate, refuse_missing, told
from sweepboard.compose.read_settings import check_value, read_settings
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from sweepboard.hardware import default_threads
from sweepboard.programs.run import Run
from sweepboard.programs.script import run_script
from sweepboard.programs.work import ProgramWork
from sweepboard.settings import NOT_OF_A_RUN, PROGRAM, SCRIPT, ProgramSettings, settings

if TYPE_CHECKING:
    from sweepboard.building.prepare import Check
    from sweepboard.execution import Resources

_KEY = f"{PROGRAM}.{TARGET}"
_OURS = ("output_root", "threads")
"""Settings of ours that are part of such a configuration."""


def program_config(
    node: DictConfig,
    groups: Mapping[str, Any],
    overrides: Sequence[str],
    check: Check | None = None,
    resources: Resources | None = None,
) -> RunConfig:
    """Return the checked configuration of a training function, which runs here or with `resources`.

    `check` is called with the values before the function's module is imported. Raise `ConfigError`.
    """
    plain = resolved(node)
    if check is not None:
        check(plain, built=[])
    interpolations = interpolations_of(node)
    if "${hydra:" in str(OmegaConf.to_container(node, resolve=False)):
        refuse_computed_values(node)
    _check_ours(plain)
    _arguments(function_of(plain))
    for name in NOT_OF_A_RUN:
        plain.pop(name, None)
    plain["threads"] = plain["threads"] or default_threads()
    plain[PROGRAM]["device"] = _device(plain, resources)
    templates = templates_in(dict(leaves(plain, "")), of_program=True)
    options = {
        str(group): str(option)
        for group, option in groups.items()
        if option is not None and not str(group).startswith("hydra/")
    }
    return RunConfig(unfilled(plain, templates), {**interpolations, **templates}, options, list(overrides))


def _check_ours(plain: Mapping[str, Any]) -> None:
    for key in _OURS:
        if key not in plain:
            raise ConfigError(f"{key}: cannot be deleted; give it another value")
        check_value(settings()[key], plain[key])
    if not str(plain["output_root"]).strip():
        raise ConfigError("output_root: names no folder; give one, which may be . for the working directory")
    given = dict(plain[PROGRAM])
    check_type(given.pop(TARGET), str, _KEY)
    program = read_settings(ProgramSettings, given, PROGRAM)
    if program.mode and not program.primary_metric:
        raise ConfigError(
            f"{PROGRAM}.mode={program.mode}: is that of a metric: name it with {PROGRAM}.primary_metric=TAG"
        )


def _device(plain: Mapping[str, Any], resources: Resources | None) -> str:
    """Return what a sweep reserves for a job; a `device` of the user's own configuration says it, too."""
    wanted, own = plain[PROGRAM]["device"], plain.get("device")
    if wanted != "auto":
        return str(wanted)
    return "cuda" if own != "cpu" and device_for("auto", resources) == "cuda" else "cpu"


def function_of(values: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the training function of a configuration. Raise `ConfigError`."""
    path, file = str(values[PROGRAM][TARGET]), values[PROGRAM]["file"]
    if file is not None and path.endswith(SCRIPT):
        return _script(Path(file))
    if file is not None:
        import_file(Path(file), path.partition(".")[0], f"{PROGRAM}.file")
    function: Callable[..., Any] = inspect.unwrap(locate(path, _KEY))
    return function


def _script(file: Path) -> Callable[..., Any]:
    """Return what runs a whole script. Raise `NotHere` for a missing file, `ConfigError` for no Python."""
    key = f"{PROGRAM}.file"
    refuse_missing(file, key)
    try:
        compile(file.read_bytes(), str(file), "exec")
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{key}: {file} cannot be run: {told(error)}") from error
    import_beside(file)
    return partial(run_script, file)


def _arguments(function: Callable[..., Any]) -> Callable[[Any, Run], Sequence[Any]]:
    """Return what makes the arguments of a call, `(cfg, run)`, `(cfg)`, `(run)` or none.

    Raise `ConfigError` for a function that takes others.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [
        name
        for name, each in inspect.signature(function).parameters.items()
        if each.kind in kinds and (each.default is each.empty or name in ("cfg", "run"))
    ]
    if len(names) > 2:
        raise ConfigError(
            f"{_KEY}: {function.__name__}({', '.join(names)}) is no training function, which takes "
            "(cfg) or (cfg, run)"
        )
    if names == ["run"]:
        return lambda _, run: [run]
    return lambda cfg, run: [cfg, run][: len(names)]


def program_work(config: RunConfig, folder: Path | None) -> ProgramWork:
    """Return the work of a run of the function, in `folder`."""
    assert config.program is not None
    assert folder is not None  # the caller has placed the run
    function = function_of(config.values)
    arguments = _arguments(function)

    def call(run: Run) -> object:
        cfg = given_config(config.values)
        _set_hydra_config(run.folder)
        return function(*arguments(cfg, run))

    return ProgramWork(
        call,
        folder,
        config.seed,
        config.values["threads"],
        config.program.primary_metric,
        config.program.mode,
    )


def given_config(values: Mapping[str, Any]) -> DictConfig:
    """Return the configuration as the function gets it: without the settings of the program."""
    given = {key: value for key, value in values.items() if key != PROGRAM}
    cfg: DictConfig = OmegaConf.create(escaped(given))
    OmegaConf.set_struct(cfg, True)
    return cfg


def _set_hydra_config(folder: Path) -> None:
    """Let `HydraConfig.get()` know the folder of the run, in processes that Hydra did not start too."""
    known: Any = HydraConfig.instance().cfg
    if known is not None and OmegaConf.select(known, "hydra.runtime.output_dir") == str(folder.absolute()):
        return
    whole = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})
    with open_dict(whole):
        whole.hydra.runtime.output_dir, whole.hydra.runtime.cwd = str(folder.absolute()), str(Path.cwd())
        whole.hydra.run.dir, whole.hydra.sweep.dir = str(folder), str(folder.parent)
        whole.hydra.sweep.subdir, whole.hydra.job.name = folder.name, folder.name
    HydraConfig.instance().set_config(whole)
