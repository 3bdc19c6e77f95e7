"""`sweepboard.main`, the decorator that stands where `hydra.main` stood, and `sweepboard.script`."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from functools import wraps
from inspect import currentframe
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from sweepboard.compose.program_yaml import ProgramYaml
from sweepboard.errors import ConfigError
from sweepboard.files import from_here
from sweepboard.programs.script import given
from sweepboard.settings import SCRIPT

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from sweepboard.programs.run import Run

Function: TypeAlias = Callable[..., Any]


@overload
def main(config_path: Function) -> Function: ...


@overload
def main(
    config_path: str | None = None,
    config_name: str | None = None,
    version_base: str | None = None,
    *,
    primary_metric: str | None = None,
    mode: str | None = None,
    device: str = "auto",
) -> Callable[[Function], Function]: ...


def main(
    config_path: str | Function | None = None,
    config_name: str | None = None,
    version_base: str | None = None,  # noqa: ARG001 - hydra.main has it
    *,
    primary_metric: str | None = None,
    mode: str | None = None,
    device: str = "auto",
) -> Any:
    """Make runs of a training function of your own: `@sweepboard.main("conf", "config")`.

    Args:
        config_path: the folder of your YAML, relative to the file of the function.
        config_name: the primary configuration in it.
        version_base: accepted, as `hydra.main` has it, and without effect.
        primary_metric: the tag by which runs are compared, such as `"val/loss"`.
        mode: `"min"` or `"max"`, if the name of the primary metric does not tell.
        device: what a sweep reserves for a job: `"cpu"`, or `"cuda"` for a GPU.

    The function takes `(cfg)` or `(cfg, run)`; `run` is a `sweepboard.Run`. Called without arguments, it
    reads the command line: `python train.py optimizer.lr=0.1`, `python train.py -m optimizer.lr=0.1,0.01`,
    and all of Hydra's flags.
    """
    if callable(config_path):
        return main()(config_path)
    settings = {"primary_metric": primary_metric, "mode": mode, "device": device}

    def decorate(function: Function) -> Function:
        @wraps(function)
        def started(*given: Any, **named: Any) -> Any:
            if given or named:
                return function(*given, **named)
            return _start(lambda: program_yaml(function, config_path, config_name, settings))

        return started

    return decorate


def script(
    config_path: str | None = None,
    config_name: str | None = None,
    version_base: str | None = None,  # noqa: ARG001 - as `main` has it
    *,
    primary_metric: str | None = None,
    mode: str | None = None,
    device: str = "auto",
) -> tuple[DictConfig, Run]:
    """Make runs of a script whose training stands at its top: `cfg, run = sweepboard.script()`.

    Call it before anything else is done. The arguments are those of `sweepboard.main`, and so is the command
    line: `python train.py +lr=0.1`, `python train.py -m +lr=0.1,0.01`. The script is then run once for each
    run, in which this returns its configuration and its `sweepboard.Run`.
    """
    if (inside := given()) is not None:
        return inside
    settings = {"primary_metric": primary_metric, "mode": mode, "device": device}
    frame = currentframe()
    caller = frame.f_back.f_globals.get("__name__") if frame and frame.f_back else None
    _start(lambda: script_yaml(caller, config_path, config_name, settings))
    sys.exit(0)


def _start(yaml: Callable[[], ProgramYaml]) -> None:
    """Run the command line of the program; exit like `sweepboard` if it fails."""
    from sweepboard.cli.dispatch import guarded
    from sweepboard.cli.train import main as train

    code = guarded(lambda: train(sys.argv[1:], yaml()))
    if code:
        sys.exit(code)


def program_yaml(
    function: Function, config_path: str | None, config_name: str | None, settings: dict[str, Any]
) -> ProgramYaml:
    """Return where the YAML of a decorated function is, and its name. Raise `ConfigError`."""
    module = sys.modules[function.__module__]
    file = Path(module.__file__) if getattr(module, "__file__", None) else None  # type: ignore[arg-type]
    if file is None and hasattr(builtins, "__IPYTHON__"):  # sys.argv is the notebook's own
        raise ConfigError(_as_a_call(function, config_path, config_name))
    if "<locals>" in function.__qualname__:
        raise ConfigError(f"{function.__qualname__}: a training function stands at the top of its file")
    is_script = function.__module__ == "__main__" and file is not None
    name = file.stem if is_script and file is not None else function.__module__
    script = str(from_here(file.resolve())) if is_script and file is not None else None
    named = {"_target_": f"{name}.{function.__qualname__}", "file": script}
    folders = () if config_path is None else (_folder(config_path, file),)
    return ProgramYaml(folders, config_name, {**named, **settings}, name.rpartition(".")[2])


def _as_a_call(function: Function, config_path: str | None, config_name: str | None) -> str:
    """Return what to type in a notebook, which has no command line."""
    words = [f'"program._target_={function.__module__}.{function.__qualname__}"']
    words += [f'"program.config={config_name}"'] * (config_name is not None)
    words += [f'config_dir="{config_path}"'] * (config_path is not None)
    return f"{function.__qualname__}: a notebook has no command line; type sweepboard.run({', '.join(words)})"


def script_yaml(
    caller: str | None, config_path: str | None, config_name: str | None, settings: dict[str, Any]
) -> ProgramYaml:
    """Return where the YAML of the script is that Python runs, and its name. Raise `ConfigError`."""
    given_file = getattr(sys.modules["__main__"], "__file__", None)
    if caller == "__mp_main__":
        raise ConfigError(
            'sweepboard.script: a worker imports this script: put it all below `if __name__ == "__main__":`'
        )
    if caller != "__main__" or given_file is None:
        raise ConfigError(
            "sweepboard.script: is for a script that Python runs; elsewhere use sweepboard.main"
        )
    file = Path(given_file)
    folders = () if config_path is None else (_folder(config_path, file),)
    named = {"_target_": f"{file.stem}{SCRIPT}", "file": str(from_here(file.resolve()))}
    return ProgramYaml(folders, config_name, {**named, **settings}, file.stem)


def _folder(config_path: str, file: Path | None) -> Path:
    folder = Path(file.parent if file is not None else Path.cwd(), config_path)
    if not folder.is_dir():
        raise ConfigError(f"config_path={config_path}: there is no folder {folder}")
    return folder
