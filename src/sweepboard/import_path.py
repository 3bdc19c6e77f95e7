"""Where modules are imported from: whatever is installed first, the working directory last and only to build.

A folder of somebody's runs may hold Python files of any name. Nothing here imports more than Python itself
has loaded when it starts, so that none of those files can come between.
"""

import os
import sys


def leave_out_working_directory() -> None:
    """Undo what `python -m sweepboard` does before it comes here: put the working directory first."""
    called = any(word.removeprefix("-m").split(".")[0] == "sweepboard" for word in sys.orig_argv[1:])
    if sys.argv[:1] == ["-m"] and called and sys.path[:1] == [_here()]:
        del sys.path[0]


def import_users_modules() -> None:
    """Let `_target_: my_nets.Net` find `my_nets.py` in the working directory, after everything installed.

    Plug-ins of Hydra, which are imported unasked, stay those that are installed.
    """
    here = _here()
    if here is None or here in sys.path or "" in sys.path:
        return
    import hydra_plugins

    hydra_plugins.__path__ = list(hydra_plugins.__path__)  # else it would look at every folder in sys.path
    sys.path.append(here)


def python(statements: str) -> list[str]:
    """Return the command that runs `statements` in another Python, with this one's import path."""
    return [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {statements}"]


def _here() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib is not loaded yet
    except FileNotFoundError:  # it was deleted
        return None
