"""The shape of the house, kept by walking its imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import sweepboard

PACKAGE = Path(sweepboard.__file__).parent

ROOMS = (
    # What everybody may use: small, without torch where it is imported by `--help`.
    "compat", "import_path", "lazy_exports", "version", "errors", "tracebacks", "formatting", "settings",
    "file_locks", "files", "names", "plain_yaml", "scratch", "spreadsheet", "hyperparameters", "metric_names",
    "expressions", "vision", "startup", "cgroups", "hardware", "rank_environment",
    "parent_death", "descendants", "stop_signals", "process_identity", "signing", "secret_names", "secrets",
    # The rooms, each of which may import only what stands above it in this list.
    "execution", "data", "models", "training", "board", "callbacks", "loggers", "programs", "compose",
    "building", "trust", "runs", "analysis", "sweeps", "search", "cli", "testing",
)  # fmt: skip
FLOORS = {name: floor for floor, name in enumerate(ROOMS)}


def room(module: str) -> str | None:
    """`sweepboard.data.datasets.idx` is in `data`; the package's own public face is in no room."""
    parts = module.split(".")
    return parts[1] if parts[0] == "sweepboard" and len(parts) > 1 and parts[1] in FLOORS else None


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, inside functions and in strings too (`"sweepboard.cli:command"`)."""
    tree = ast.parse(path.read_text())
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in comments:
            yield from re.findall(r"\bsweepboard\.\w[\w.]*", node.value)


def imported_files(name: str, files: Mapping[str, Path]) -> Iterator[str]:
    """The files that a file imports, inside functions too, but for those that only a type checker reads."""
    tree = ast.parse(files[name].read_text())
    checks = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node)
    ]
    unread = {id(inner) for check in checks for child in check.body for inner in ast.walk(child)}
    for node in ast.walk(tree):
        if id(node) in unread:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (each if each in files else str(node.module) for each in names)


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "conf")


def test_every_module_is_in_a_room_or_is_the_face() -> None:
    tops = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in sources()}
    assert tops - FLOORS.keys() <= {"__init__", "__main__", "tasks", "schedules"}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards_only(path: Path) -> None:
    here = room("sweepboard." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    for module in imports(path):
        there = room(module)
        if here is None or there is None or here == there:
            continue
        assert FLOORS[there] < FLOORS[here], f"{path} imports {module}"


def test_no_import_goes_in_a_circle() -> None:
    """Files are taken away that import none of those left, until none is left."""
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in sources()}
    files = {name.removesuffix(".__init__"): path for name, path in names.items()}
    left = {name: {*imported_files(name, files)} & files.keys() - {name} for name in files}
    while free := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in free}
    assert not left, f"there is a circle among {sorted(left)}"


def test_a_module_named_in_a_string_is_an_import(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text('"""See sweepboard.cli."""\nMAIN = "sweepboard.sweeps.job_main:run"\n')
    assert list(imports(file)) == ["sweepboard.sweeps.job_main"]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_loop_never_sees_the_config_system(path: Path) -> None:
    if room("sweepboard." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)) in (
        "models", "data", "board", "training",
    ):  # fmt: skip
        assert not [module for module in imports(path) if module.split(".")[0] in ("hydra", "omegaconf")]


def test_instantiate_is_called_in_one_file() -> None:
    callers = [
        path for path in sources() if re.search(r"^from .* import .*\binstantiate\b", path.read_text(), re.M)
    ]
    assert [path.relative_to(PACKAGE).as_posix() for path in callers] == ["building/instantiate.py"]


ANSWERING = """
import sys, threading
from pathlib import Path
from sweepboard.cli.dispatch import run_verb
try:
    sys.exit(run_verb(sys.argv[1:]))
finally:
    for thread in threading.enumerate():
        thread is threading.main_thread() or thread.join()  # it may still be loading what it should not
    maps = Path("/proc/self/maps")
    libraries = [word for word in maps.read_text().split() if "libtorch" in word] if maps.exists() else []
    heavy = sys.modules.keys() & {"torch", "torchvision", "matplotlib", "tensorboard", "pandas"}
    print("heavy:", heavy, libraries)
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--cfg", "job"], ["--cfg=job"], ["-c", "job"], ["ls"], ["--version"], ["board", "--help"]],
)
def test_torch_is_not_loaded_for(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ANSWERING, *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "heavy: set() []"
