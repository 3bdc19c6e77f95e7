"""Set where modules are imported from: installed ones first, the working directory last.

A folder of runs may hold Python files of any name. This module imports only what Python has loaded at its
start, so none of those files can be imported by it.
"""

import os
import sys


def leave_out_working_directory() -> None:
    """Remove the working directory, which `python -m sweepboard` puts first."""
    called = any(word.removeprefix("-m").split(".")[0] == "sweepboard" for word in sys.orig_argv[1:])
    if sys.argv[:1] == ["-m"] and called and sys.path[:1] == [_here()]:
        del sys.path[0]


def import_users_modules() -> None:
    """Let `_target_: my_nets.Net` import `my_nets.py` from the working directory, last of all.

    Hydra's plug-ins, which are imported unasked, remain the installed ones.
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
