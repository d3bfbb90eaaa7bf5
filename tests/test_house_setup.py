# SPDX-License-Identifier: Apache-2.0
"""Setting a clone up (scripts/run.py), for real but with one tiny dependency that is built here, so that it stays offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def wheel(path: Path) -> None:
    """A package `sc_probe` with nothing in it, as pip wants it."""
    info = "sc_probe-1.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sc_probe.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: sc-probe\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def clone(folder: Path, dependency: Path) -> Path:
    """What run.py needs of a clone: itself, what pyproject.toml asks for, and a package to find."""
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "run.py", folder / "scripts")
    asked = f'dependencies = ["sc-probe @ {dependency.as_uri()}"]\noptional-dependencies = {{ test = [], lint = [] }}\n'
    (folder / "pyproject.toml").write_text(f"[build-system]\nrequires = []\n[project]\n{asked}", encoding="utf-8")
    (folder / "engine" / "scumble").mkdir(parents=True)
    (folder / "engine" / "scumble" / "__init__.py").touch()
    (folder / "engine" / "scumble" / "__main__.py").write_text("import sys; print(sys.argv[1:])", encoding="utf-8")
    return folder


def run(folder: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, str(folder / "scripts" / "run.py"), *arguments]
    return subprocess.run(command, env=environment, cwd=cache, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.skipif(os.name != "posix", reason="the Makefile's world")
def test_two_clones_share_the_dependencies_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "ca che"
    cache.mkdir()
    package = tmp_path / "sc_probe-1-py3-none-any.whl"
    one, two = clone(tmp_path / "clone one", package), clone(tmp_path / "two", package)
    where = "import sc_probe, scumble; print(sc_probe.__file__); print(scumble.__file__)"

    failed = run(one, cache, "-c", where)  # the package is not there yet
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "Setting up failed" in failed.stderr

    wheel(package)
    first = run(one, cache, "-c", where)
    assert first.returncode == 0, first.stderr
    assert "Setting up once" in first.stderr, "a set-up that was broken off is begun again"
    probe, package_one = first.stdout.splitlines()
    assert package_one == str(one / "engine" / "scumble" / "__init__.py")

    again = run(one, cache, "-c", where)
    assert (again.stdout, again.stderr) == (first.stdout, ""), "the second run sets nothing up"

    second = run(two, cache, "-c", where)
    assert second.stdout.splitlines() == [probe, str(two / "engine" / "scumble" / "__init__.py")]
    assert second.stderr == ""

    bare = "import os, subprocess; subprocess.run(['scumble', 'a b'], env={'PATH': os.environ['PATH']})"
    assert run(one, cache, "-c", bare).stdout == "['a b']\n", "`scumble` is on PATH and needs no other variable"

    assert run(one, cache, "--purge").returncode == 0
    assert list((cache / "scumble").iterdir()) == []
