"""A wheel, installed elsewhere, trains from an empty folder without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree, built from a copy so that no build folder is left in it."""
    source = tmp_path_factory.mktemp("source") / "tree"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "outputs", "build", "*.egg-info", "__pycache__", ".*_cache"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    built = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(built), str(source)],
        check=True,
        capture_output=True,
    )
    (path,) = built.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_what_it_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in [
        *(ROOT / "conf").rglob("*.yaml"),
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "src").rglob("*.gz"),
    ]:
        if "make_fashion_mini" in path.name:
            continue
        inside = path.relative_to(ROOT)
        name = f"sweepboard/{inside}" if inside.parts[0] == "conf" else str(inside.relative_to("src"))
        assert name in names
    assert any(name.endswith("embedded/fashion_mini/LICENSE") for name in names)
    assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.slow
def test_the_wheel_trains_in_an_empty_folder_without_a_network(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    lend_dependencies(python)
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [*without_network(), str(python.with_name("sweepboard")), "trainer=debug"],
        cwd=work, capture_output=True, text=True, env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    where = [str(python), "-c", "import sweepboard; print(sweepboard.__file__)"]
    assert str(tmp_path) in subprocess.run(where, capture_output=True, text=True, cwd=work).stdout
    assert len(list(work.rglob("run.json"))) == 1


def lend_dependencies(python: Path) -> None:
    """Let the new environment see this one's packages, torch above all, but not this sweepboard: the new
    environment's own site-packages come first on its path, and an editable install is found by a hook that
    is not run from a path file's folder."""
    site = Path(
        subprocess.check_output(
            [python, "-c", "import site; print(site.getsitepackages()[0])"], text=True
        ).strip()
    )
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")


def without_network() -> list[str]:
    """A command prefix that takes the network away, where this machine can."""
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "-rn", "true"], capture_output=True).returncode == 0:
        return [unshare, "-rn"]
    return []
