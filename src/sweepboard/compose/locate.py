"""Find the class or function that a `_target_` names, and explain why it cannot be found."""

from __future__ import annotations

import pkgutil
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from sweepboard.errors import ConfigError, NotHere, UserError, nearest
from sweepboard.files import from_here
from sweepboard.import_path import import_users_modules
from sweepboard.vision import explained

TARGET = "_target_"

PUBLIC = (
    "sweepboard.data",
    "sweepboard.models",
    "sweepboard.schedules",
    "sweepboard.tasks",
    "sweepboard.callbacks",
    "sweepboard.loggers",
)
"""Modules of sweepboard whose public names (`__all__`) may be targets: these names are stable."""


LOAD_MODEL = "sweepboard.load_model"
"""The one target outside of these modules: the model of another run."""


def locate(path: Any, key: str) -> Callable[..., Any]:
    """Return the class or function at the dotted `path`, which is the value of `key` in the configuration.

    Raise `ConfigError` if there is none, naming the missing part and the nearest name, or if a module cannot
    be imported, with its error and line.
    """
    if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")):
        raise ConfigError(f"{key}: {path!r} is not the dotted name of a class, such as torch.optim.Adam")
    _refuse_private_name(path, key)
    found: Any = None
    parts = path.split(".")
    for depth in range(1, len(parts) + 1):
        found = _member(found, parts[:depth], key)
    if isinstance(found, ModuleType) or not callable(found):
        kind = "a module" if isinstance(found, ModuleType) else f"a {type(found).__name__}"
        raise ConfigError(f"{key}: {path} is {kind}; name a class or a function")
    return found  # type: ignore[no-any-return]


def _refuse_private_name(path: str, key: str) -> None:
    """Raise `ConfigError` for a path into sweepboard that is not a public name."""
    module, _, name = path.rpartition(".")
    if path.partition(".")[0] != "sweepboard" or module in PUBLIC or path == LOAD_MODEL:
        return
    face = next((face for face in PUBLIC if name in import_module(face).__all__), None)
    hint = f"type {face}.{name}" if face else f"those are in {', '.join(PUBLIC)}"
    raise ConfigError(f"{key}: {path} is no public name of sweepboard; {hint}")


def _member(parent: Any, parts: list[str], key: str) -> Any:
    """Return the attribute or submodule of `parent` that the last of `parts` names. Raise `ConfigError`."""
    if parent is not None and hasattr(parent, parts[-1]):
        return getattr(parent, parts[-1])
    if parent is None or hasattr(parent, "__path__"):
        module = import_named(".".join(parts), key)
        if module is not None:
            return module
    raise (NotHere if parent is None else ConfigError)(_missing(parent, parts, key))


def import_named(name: str, key: str) -> ModuleType | None:
    """Import the module `name`, or return None if there is none. Raise `ConfigError` if its import fails."""
    import_users_modules()
    with _import_explained(name, key):
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            return None


def import_file(file: Path, name: str, key: str) -> ModuleType:
    """Import the script `file` as the module `name`, unless it is imported or run already.

    What it imports itself is looked for in its own folder too, last of all. Raise `NotHere` for a missing
    file and `ConfigError` if its import fails.
    """
    for known in (sys.modules.get(name), sys.modules["__main__"]):
        if known is not None and _is_of(known, file):
            return sys.modules.setdefault(name, known)
    refuse_missing(file, key)
    import_beside(file)
    spec = spec_from_file_location(name, file)
    assert spec is not None  # the file is there
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _import_explained(name, key):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def refuse_missing(file: Path, key: str) -> None:
    """Raise `NotHere` if there is no such file."""
    if not file.is_file():
        raise NotHere(f"{key}: there is no file {file} here")


def import_beside(script: Path) -> None:
    """Let a script import modules from the working directory and from its own folder, last of all."""
    import_users_modules()
    if str(script.parent.resolve()) not in sys.path:
        sys.path.append(str(script.parent.resolve()))


def _is_of(module: ModuleType, file: Path) -> bool:
    """Return whether the module is that of `file`."""
    known = getattr(module, "__file__", None)
    return known is not None and Path(known).resolve() == file.resolve()


@contextmanager
def _import_explained(name: str, key: str) -> Iterator[None]:
    """Raise `ConfigError`, naming the key, if an import in the block fails."""
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        from sweepboard.compat.keras import explained as of_keras  # imports torch

        reason = explained(error) or of_keras(error) or f"{name} cannot be imported: {told(error)}"
        raise ConfigError(f"{key}: {reason}") from error


def _missing(parent: Any, parts: list[str], key: str) -> str:
    path = ".".join(parts)
    if parent is None:
        return f"{key}: there is no module {path} here or among the installed packages"
    names = {name for name in [*dir(parent), *getattr(parent, "__all__", [])] if not name.startswith("_")}
    names |= {module.name for module in pkgutil.iter_modules(getattr(parent, "__path__", []))}
    match = nearest(parts[-1], names)
    hint = f"; did you mean {'.'.join([*parts[:-1], match])}?" if match else ""
    return f"{key}: there is no {parts[-1]} in {'.'.join(parts[:-1])}{_hidden_module_hint(parts[0]) or hint}"


def _hidden_module_hint(module: str) -> str:
    """Return a hint if a module hides one of the same name in the working directory."""
    own = next((path for path in (Path(f"{module}.py"), Path(module)) if path.exists()), None)
    found = getattr(sys.modules.get(module), "__file__", None) or "Python itself"
    if own is None or Path(found).is_relative_to(own.resolve()):
        return ""
    return f": {module} is that of {found}, which comes before {own} here; give yours another name"


def told(error: BaseException) -> str:
    """Return an error in one line: its type, its message, and where it was raised."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {text[:300]}{_place(error)}"


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
        file, line = (frames[-1].filename, frames[-1].lineno) if frames else (None, None)
    if file is None:
        return ""
    path = Path(file)
    name = from_here(path)
    return f" ({name}, line {line})"


def is_users(file: str) -> bool:
    """Return whether a source file is the user's own: not of Python, an installed package or sweepboard."""
    if file.startswith(("<", *_not_users())):
        return False
    return not {"site-packages", "dist-packages"} & set(Path(file).parts)


@cache
def _not_users() -> tuple[str, ...]:
    """Return the folders of sweepboard, Python and installed packages. Finding them takes milliseconds."""
    installed = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return str(Path(__file__).parents[1]), *installed


def nodes(value: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping with a `_target_` in `value`, outermost first, with its dotted key."""
    if isinstance(value, Mapping):
        if TARGET in value:
            yield key, value
        if value.get("_recursive_", True):
            for name, child in value.items():
                yield from nodes(child, f"{key}.{name}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from nodes(child, f"{key}[{index}]")
