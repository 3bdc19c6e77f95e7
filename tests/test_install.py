"""A wheel, installed elsewhere, trains from an empty folder without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Built:
    """The source distribution, and the wheel that was built from it."""

    sdist: Path
    wheel: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What `python -m build` makes of a copy of this working tree, in which no build folder is left."""
    source = tmp_path_factory.mktemp("source") / "tree"
    ignored = shutil.ignore_patterns(
        ".git", ".venv*", "outputs", "build", "*.egg-info", "__pycache__", ".*_cache"
    )
    shutil.copytree(ROOT, source, ignore=ignored, symlinks=True)
    folder = tmp_path_factory.mktemp("built")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder), str(source)],
        check=True, capture_output=True, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
    )  # fmt: skip
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Built(sdist, wheel, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def wheel(built: Built) -> Path:
    return built.wheel


@pytest.mark.slow
def test_the_build_says_nothing_that_is_wrong(built: Built) -> None:
    assert [line for line in built.said.splitlines() if re.search("warn|deprecat|error:", line, re.I)] == []


@pytest.mark.slow
def test_the_tests_of_a_source_distribution_run(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert {name for name in kept if not (tree / name).exists()} <= {"outputs/.gitignore"}
    words = [
        "-m",
        "pytest",
        "-q",
        "-m",
        "not slow",
        "tests/test_names.py",
        "tests/test_docs.py",
        "tests/test_formatting.py",
    ]
    done = subprocess.run(
        [sys.executable, *words], cwd=tree, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tree / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_that_the_dockerfile_copies_are_sent_to_it() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == sent
    assert all((ROOT / name).exists() for name in sent)


def test_the_citation_and_the_package_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    package = metadata("sweepboard")
    assert citation["version"] == package["Version"]
    assert citation["license"] == package["License-Expression"]
    assert citation["title"] == f"sweepboard: {package['Summary']}"
    assert [author["name"] for author in citation["authors"]] == [package["Author"]]


@pytest.mark.slow
def test_type_checkers_see_an_editable_install(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sweepboard\n\nsweepboard.run(3)\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "mine.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert 'Argument 1 to "run" has incompatible type "int"; expected "str"' in done.stdout
    assert "Found 1 error" in done.stdout


@pytest.mark.slow
def test_the_wheel_holds_what_it_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in [
        *(ROOT / "conf").rglob("*.yaml"),
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "src").rglob("*.gz"),
        *(ROOT / "src").rglob("*.template"),
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
